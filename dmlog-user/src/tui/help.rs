//! The help, printed from the table of keys: only what does something on this screen.

use super::frame::Frame;
use super::keys::{Binding, offered};
use super::page::{Page, piece, plain};
use super::screen::Screen;
use super::theme::Tone;

/// Characters of the column of keys.
const KEYS_WIDTH: usize = 16;

/// The page of keys.
pub fn page(screen: Screen, frame: &Frame) -> Page {
    let mut lines: Vec<(&Binding, String)> = Vec::new();
    for binding in offered(screen, frame) {
        match lines.last_mut() {
            Some((last, names)) if last.help == binding.help => {
                names.push(' ');
                names.push_str(&binding.names());
            }
            _ => lines.push((binding, binding.names())),
        }
    }
    let mut page = Page::default();
    let mut group = "";
    for (binding, names) in lines {
        if binding.group != group {
            group = binding.group;
            // Time stands beside the rest, where there is room.
            if group == "Choosing" {
                page.begin_second();
            }
            page.line(vec![piece(group, Tone::Head)]);
        }
        page.line(vec![plain(format!("  {names:<KEYS_WIDTH$} ")), piece(binding.help, Tone::Dim)]);
    }
    page
}

/// The line at the bottom.
pub fn hints(screen: Screen, frame: &Frame) -> String {
    let hinted = offered(screen, frame).filter(|binding| !binding.hint.is_empty());
    let hints: Vec<String> = hinted.map(|binding| format!("{} {}", binding.names(), binding.hint)).collect();
    hints.join("  ")
}

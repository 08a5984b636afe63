//! The help, printed from the table of keys: only what does something on this screen.

use super::frame::Frame;
use super::grid::{Cell, Grid, words};
use super::keys::{Binding, offered};
use super::page::Page;
use super::screen::Screen;
use super::theme::Tone;

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
    let mut grid = Grid::new("", &[words("", 0), words("key", 0), words("what it does here", 0)], "");
    let mut group = "";
    for (id, (binding, names)) in (0..).zip(lines) {
        let head = if binding.group == group { "" } else { binding.group };
        group = binding.group;
        grid.push(id, vec![Cell::words(head).toned(Tone::Head), Cell::words(names), Cell::words(binding.help)]);
    }
    let mut page = Page::default();
    page.main_grid(grid);
    page
}

/// The line at the bottom.
pub fn hints(screen: Screen, frame: &Frame) -> String {
    let hinted = offered(screen, frame).filter(|binding| !binding.hint.is_empty());
    let hints: Vec<String> = hinted.map(|binding| format!("{} {}", binding.short_name(), binding.hint)).collect();
    hints.join("  ")
}

//! The screens as pages: pure functions of a frame and of what is chosen.
//!
//! One file per screen. A view reads no clock and knows no terminal; what it says is in the [`Page`](super::page::Page), which is drawn,
//! printed or exported elsewhere. A new fact is a cell of a table or a line.

pub mod events;
pub mod facts;
pub mod flush;
pub mod flushes;
pub mod heat;
pub mod mirrors;
pub mod recovery;
pub mod regions;
pub mod userspace_log;
pub mod what_if;
pub mod writes;

use ratatui::layout::Rect;

use self::regions::MapChoice;
use super::frame::Frame;
use super::history::LIVE_SPAN_NS;
use super::page::Page;
use super::screen::Screen;
use super::theme::{Theme, Tone};
use crate::session::snapshot::DeviceSnapshot;

/// What a view looks at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What there is.
    pub frame: &'a Frame,
    /// Name of the chosen mirror; without it, the first is.
    pub device: Option<&'a str>,
    /// Symbols.
    pub theme: Theme,
    /// The room for the page.
    pub area: Rect,
    /// What the map shows.
    pub map: MapChoice,
}

impl Context<'_> {
    /// The chosen mirror.
    pub fn chosen(&self) -> Option<&DeviceSnapshot> {
        self.frame.device(self.device)
    }

    /// From the first event to now. Of a running capture, only as far back as its graphs go; there, time goes on where
    /// nothing happens.
    pub fn span(&self) -> (u64, u64) {
        let window = &self.frame.snapshot.window;
        if self.frame.live.is_some() {
            let last_ns = self.frame.clock.now_ns.max(window.first_ns);
            return (window.first_ns.max(last_ns.saturating_sub(LIVE_SPAN_NS)), last_ns);
        }
        (window.first_ns, window.last_ns.max(window.first_ns))
    }
}

/// The page of a screen.
pub fn page(screen: Screen, context: &Context<'_>) -> Page {
    let of_device: fn(&Context<'_>, &DeviceSnapshot) -> Page = match screen {
        Screen::Mirrors => return mirrors::page(context),
        Screen::Recovery => return recovery::page(context),
        Screen::Events => return events::page(context),
        Screen::Regions => regions::page,
        Screen::Flushes => flushes::page,
        Screen::Writes => writes::page,
        Screen::UserspaceLog => userspace_log::page,
        Screen::WhatIf => what_if::page,
    };
    if let Some(device) = context.chosen() {
        return of_device(context, device);
    }
    let mut page = Page::default();
    page.text("no mirror was seen so far", Tone::Dim);
    page
}

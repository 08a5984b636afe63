//! The screens, in the order of their number keys.

use super::frame::Frame;

/// What is on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screen {
    /// One row per mirror.
    #[default]
    Mirrors,
    /// Heat map of the regions of one mirror.
    Regions,
    /// Flushes of one mirror's log.
    Flushes,
    /// Where the time of its writes goes, and who writes.
    Writes,
    /// Recovery of every mirror.
    Recovery,
    /// Round trips to the daemon of a userspace log.
    UserspaceLog,
    /// The stream of events.
    Events,
    /// The same writes under other settings.
    WhatIf,
}

impl Screen {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Mirrors,
        Self::Regions,
        Self::Flushes,
        Self::Writes,
        Self::Recovery,
        Self::UserspaceLog,
        Self::Events,
        Self::WhatIf,
    ];

    /// Its place, from 0; its key is one more.
    pub fn place(self) -> usize {
        Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0)
    }

    /// Its name in the line of tabs.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mirrors => "Mirrors",
            Self::Regions => "Regions",
            Self::Flushes => "Flushes",
            Self::Writes => "Writes",
            Self::Recovery => "Recovery",
            Self::UserspaceLog => "Userspace log",
            Self::Events => "Events",
            Self::WhatIf => "What-if",
        }
    }

    /// Its name on the command line, in the settings and in names of exported files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mirrors => "mirrors",
            Self::Regions => "regions",
            Self::Flushes => "flushes",
            Self::Writes => "writes",
            Self::Recovery => "recovery",
            Self::UserspaceLog => "userspace-log",
            Self::Events => "events",
            Self::WhatIf => "what-if",
        }
    }

    /// The screen of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|screen| screen.word() == word)
    }

    /// Whether it has something to show: the userspace log is only there where one was seen.
    pub fn is_offered(self, frame: &Frame) -> bool {
        self != Self::UserspaceLog
            || frame.snapshot.devices.iter().any(|device| {
                !device.consults.is_empty() || device.log_type.as_deref().is_some_and(|name| name.contains("userspace"))
            })
    }

    /// Whether it is about one mirror, which is then named.
    pub fn is_of_one_device(self) -> bool {
        match self {
            Self::Regions | Self::Flushes | Self::Writes | Self::UserspaceLog | Self::WhatIf => true,
            Self::Mirrors | Self::Recovery | Self::Events => false,
        }
    }

    /// The next one that is offered, or the one before.
    #[must_use]
    pub fn beside(self, frame: &Frame, back: bool) -> Self {
        let step = if back { Self::ALL.len() - 1 } else { 1 };
        let places = (1..=Self::ALL.len()).map(|n| (self.place() + n * step) % Self::ALL.len());
        places.map(|place| Self::ALL[place]).find(|screen| screen.is_offered(frame)).unwrap_or(self)
    }
}

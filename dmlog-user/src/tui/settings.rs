//! How the screen is to be; `cli` makes this from flags, the settings file and the environment.

use super::screen::Screen;
use super::theme::Theme;

/// Times that the screen is drawn anew per second.
pub const FRAMES_PER_S_DEFAULT: u32 = 10;

/// How the screen is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Look.
    pub theme: Theme,
    /// Whether clicks are taken.
    pub mouse: bool,
    /// The first screen.
    pub screen: Screen,
    /// Name of the mirror that is chosen at first.
    pub device: Option<String>,
    /// How often the screen is drawn, per second.
    pub frames_per_s: u32,
}

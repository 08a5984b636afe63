//! How the screen is to be: flags over the settings file over what the terminal says over constants, and the sample of that
//! file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::{Exit, Failure};
use crate::tui::screen::Screen;
use crate::tui::settings::{FRAMES_PER_S_DEFAULT, Settings};
use crate::tui::theme::{Background, Theme};

/// A settings file with everything in it, as `--print-config` prints it.
pub const SAMPLE: &str = include_str!("config.toml");

/// Flags of every command with a screen.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct ScreenArgs {
    /// First screen: mirrors, regions, flushes, writes, recovery, userspace-log, events or what-if
    #[arg(long, value_name = "NAME", value_parser = parse_screen)]
    screen: Option<Screen>,
    /// Mirror that is chosen at first
    #[arg(long, value_name = "DEV")]
    choose: Option<String>,
    /// Colours for a dark or a light background
    #[arg(long, value_enum)]
    theme: Option<ThemeArg>,
    /// No colours, as with `NO_COLOR` in the environment
    #[arg(long)]
    no_colour: bool,
    /// Only ASCII, for terminals without Unicode
    #[arg(long)]
    ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
    /// Settings file in place of `~/.config/dmlog/config.toml`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a settings file that says everything, and end
    #[arg(long)]
    pub print_config: bool,
    /// Print lines at an interval in place of a screen
    #[arg(long)]
    pub plain: bool,
    /// Time between them, such as `1s` or `250ms`
    #[arg(long, value_name = "TIME", value_parser = parse_interval, default_value = "1s", requires = "plain")]
    pub interval: u64,
    /// End after so many of them
    #[arg(short = 'n', value_name = "N", requires = "plain")]
    pub times: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ThemeArg {
    Dark,
    Light,
}

/// What a settings file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    theme: Option<Background>,
    colour: Option<bool>,
    unicode: Option<bool>,
    mouse: Option<bool>,
    screen: Option<Screen>,
    frames_per_second: Option<u32>,
}

/// What the environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Environment {
    no_colour: bool,
    is_utf8: bool,
    config_home: Option<PathBuf>,
}

impl Environment {
    fn read() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        // By POSIX, the first of these that is set counts.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let locale = locale.map(|value| value.to_string_lossy().to_ascii_lowercase());
        let home = || set("HOME").map(|home| PathBuf::from(home).join(".config"));
        Self {
            no_colour: set("NO_COLOR").is_some(),
            is_utf8: locale.is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8")),
            config_home: set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home),
        }
    }
}

impl ScreenArgs {
    /// Decides.
    ///
    /// # Errors
    /// [`Exit::Usage`] for a settings file that cannot be read or says something unknown.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let environment = Environment::read();
        let file = self.file(&environment).map_err(|error| Failure::new(Exit::Usage, error))?;
        Ok(self.decide(&file, &environment))
    }

    fn file(&self, environment: &Environment) -> anyhow::Result<File> {
        let usual = environment.config_home.as_ref().map(|home| home.join("dmlog/config.toml"));
        let (path, must_exist) = match (&self.config, &usual) {
            (Some(path), _) => (path, true),
            (None, Some(path)) => (path, false),
            (None, None) => return Ok(File::default()),
        };
        match std::fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => Ok(File::default()),
            text => parse(&text.with_context(|| format!("cannot read `{}`", path.display()))?, path),
        }
    }

    fn decide(&self, file: &File, environment: &Environment) -> Settings {
        let theme = match self.theme {
            Some(ThemeArg::Dark) => Some(Background::Dark),
            Some(ThemeArg::Light) => Some(Background::Light),
            None => file.theme,
        };
        Settings {
            theme: Theme {
                background: theme.unwrap_or_default(),
                has_colour: !self.no_colour && file.colour.unwrap_or(!environment.no_colour),
                has_unicode: !self.ascii && file.unicode.unwrap_or(environment.is_utf8),
            },
            mouse: !self.no_mouse && file.mouse.unwrap_or(true),
            screen: self.screen.or(file.screen).unwrap_or_default(),
            device: self.choose.clone(),
            frames_per_s: file.frames_per_second.unwrap_or(FRAMES_PER_S_DEFAULT),
        }
    }
}

fn parse(text: &str, path: &Path) -> anyhow::Result<File> {
    let sample = "`dmlog-top --print-config` shows what can be said";
    toml::from_str(text).with_context(|| format!("`{}` is no settings file; {sample}", path.display()))
}

fn parse_screen(text: &str) -> Result<Screen, String> {
    let names = Screen::ALL.map(Screen::word).join(", ");
    Screen::of_word(text).ok_or_else(|| format!("expected one of {names}"))
}

/// An interval in nanoseconds.
fn parse_interval(text: &str) -> Result<u64, String> {
    let ns = crate::tui::prompt::time(text, 0)?;
    if ns == 0 { Err("expected a time above 0".to_owned()) } else { Ok(ns) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Environment, File, SAMPLE, ScreenArgs, ThemeArg, parse};
    use crate::tui::screen::Screen;
    use crate::tui::theme::Background;

    #[test]
    fn the_sample_is_a_settings_file_that_changes_nothing() {
        let file = parse(SAMPLE, Path::new("sample")).unwrap();
        assert_eq!(file, File::default(), "everything in the sample is a comment");
        let said: String =
            SAMPLE.lines().filter_map(|line| line.strip_prefix("#= ")).map(|line| line.to_owned() + "\n").collect();
        let file = parse(&said, Path::new("sample")).unwrap();
        let utf8 = Environment { is_utf8: true, ..Environment::default() };
        let args = ScreenArgs::default();
        assert_eq!(args.decide(&file, &utf8), args.decide(&File::default(), &utf8), "the sample tells the defaults");
        assert_eq!([file.theme.is_some(), file.colour.is_some(), file.frames_per_second.is_some()], [true; 3]);
    }

    #[test]
    fn flags_come_before_the_file_and_that_before_the_environment() {
        let file = parse("theme = 'light'\nmouse = false\nscreen = 'what-if'\ncolour = true", Path::new("x")).unwrap();
        let environment = Environment { no_colour: true, ..Environment::default() };
        let settings = ScreenArgs::default().decide(&file, &environment);
        assert_eq!((settings.theme.background, settings.screen), (Background::Light, Screen::WhatIf));
        assert_eq!((settings.theme.has_colour, settings.theme.has_unicode, settings.mouse), (true, false, false));
        let args = ScreenArgs { theme: Some(ThemeArg::Dark), no_colour: true, ..ScreenArgs::default() };
        let settings = args.decide(&file, &environment);
        assert_eq!((settings.theme.background, settings.theme.has_colour), (Background::Dark, false));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        let error = format!("{:#}", parse("colour = true\nfoo = 1", Path::new("x.toml")).unwrap_err());
        assert!(error.contains("`x.toml`") && error.contains("foo"), "{error}");
    }
}

//! Odd sizes and terminals: a sentence or a correct screen, never a panic.

use ratatui::crossterm::event::Event;
use ratatui::style::{Color, Modifier};

use crate::stage::{Stage, THEME, trace};
use dmlog_user::tui::source::Source;
use dmlog_user::tui::theme::Theme;

#[test]
fn every_size_is_drawn() {
    let mut stage = Stage::of_trace("disk-6.12.dmlog");
    for screen in ["1", "2", "3", "4", "5", "7", "8", "?"] {
        stage.press(screen);
        for (width, height) in [(1, 1), (2, 1), (1, 300), (59, 15), (60, 14), (60, 15), (61, 16), (110, 15), (500, 200)]
        {
            stage.resize((width, height));
            let text = stage.text();
            assert_eq!(
                text.contains("too small"),
                (width, height) == (59, 15) || (width, height) == (60, 14),
                "{text}"
            );
        }
    }
}

#[test]
fn a_storm_of_sizes_ends_with_a_whole_screen() {
    let mut stage = Stage::of_trace("disk-6.12.dmlog");
    stage.press("2");
    for n in 0..400_u16 {
        stage.resize((n * 37 % 250, n * 53 % 90));
        stage.frame();
    }
    stage.resize((80, 24));
    assert!(stage.text().contains("marks 32 regions of 512 KiB"));
}

#[test]
fn a_paste_of_a_megabyte_is_cut_and_does_nothing_outside_a_prompt() {
    let mut stage = Stage::of_trace("disk-6.12.dmlog");
    let before = stage.text();
    let paste = Event::Paste("q".repeat(1 << 20));
    assert_eq!(stage.app.update(&paste, stage.replay.frame()), None);
    assert_eq!(stage.text(), before);
    stage.press("/");
    assert_eq!(stage.app.update(&paste, stage.replay.frame()), None);
    assert!(stage.text().contains("qqqq_"));
}

#[test]
fn without_colours_nothing_has_one_and_the_choice_is_seen() {
    let theme = Theme { has_colour: false, ..THEME };
    let mut stage = Stage::new("x", std::fs::read(trace("disk-6.12.dmlog")).unwrap(), theme);
    for screen in ["1", "2", "3", "4", "5", "7", "8"] {
        stage.press(screen);
        let buffer = stage.settle();
        assert!(
            buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset),
            "screen {screen}"
        );
        let reversed = buffer.content.iter().filter(|cell| cell.modifier.contains(Modifier::REVERSED)).count();
        assert!(reversed > 10, "screen {screen} shows its tab and what is chosen");
    }
}

#[test]
fn without_unicode_everything_is_ascii() {
    let theme = Theme { has_unicode: false, ..THEME };
    let mut stage = Stage::new("größer", std::fs::read(trace("disk-6.12.dmlog")).unwrap(), theme);
    for keys in ["1", "2", "3s", "<Enter>", "4", "5", "7", "8", "?"] {
        stage.press(keys);
        assert!(stage.text().is_ascii(), "{}", stage.text());
    }
}

#[test]
fn the_map_of_flushes_has_symbols_of_its_own_without_unicode() {
    let ascii = Theme { has_colour: false, has_unicode: false, ..THEME };
    let mut stage = Stage::new("disk-6.12.dmlog", std::fs::read(trace("disk-6.12.dmlog")).unwrap(), ascii);
    stage.press("3");
    let text = stage.text();
    assert!(text.is_ascii() && !text.contains('?'.to_string().repeat(2).as_str()), "{text}");
    assert!(
        text.contains("us|") && text.contains("ms|") && text.contains("-+*# most") && text.contains("= p99"),
        "{text}"
    );
}

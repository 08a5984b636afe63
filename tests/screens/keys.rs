//! What a person does: keys in, facts on the screen.

use dmlog_user::tui::app::Command;
use dmlog_user::tui::keys::{KEYS, offered};
use dmlog_user::tui::screen::Screen;
use dmlog_user::tui::source::Source;
use ratatui::crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::stage::Stage;

fn disk() -> Stage {
    let mut stage = Stage::of_trace("disk-6.12.dmlog");
    stage.settle();
    stage
}

#[test]
fn q_and_escape_end_it_and_escape_closes_first() {
    assert_eq!(disk().press("q"), Some(Command::Quit));
    assert_eq!(disk().press("<C-c>"), Some(Command::Quit));
    assert_eq!(disk().press("<Esc>"), None, "whoever closes what has not opened must not leave");
    assert_eq!(disk().press("<Esc>j<Esc>"), None);
    assert_eq!(disk().press("<Esc><Esc>"), Some(Command::Quit));
    assert_eq!(disk().press("?<Esc>"), None);
    assert_eq!(disk().press("/x<Esc>"), None);
    assert_eq!(disk().press("2<Enter>"), None);
}

#[test]
fn tab_goes_round_the_screens_that_are_there() {
    let mut stage = disk();
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(stage.app.screen());
        stage.press("<Tab>");
    }
    assert_eq!(stage.app.screen(), Screen::Mirrors);
    assert!(!seen.contains(&Screen::UserspaceLog), "no such log was seen");
    stage.press("<S-Tab>");
    assert_eq!(stage.app.screen(), Screen::WhatIf);
    stage.press("6");
    assert_eq!(stage.app.screen(), Screen::WhatIf);
    assert!(stage.text().contains("no userspace log was seen"));
}

#[test]
fn the_help_tells_every_key_that_does_something_here() {
    let mut stage = disk();
    stage.press("2?");
    stage.resize((120, 60));
    let text = stage.text();
    for binding in offered(Screen::Regions, stage.replay.frame()) {
        assert!(text.contains(&binding.short_name()) && text.contains(binding.help), "{}", binding.help);
    }
    assert!(!text.contains("recording"), "a trace cannot be recorded:\n{text}");
    assert!(KEYS.len() > 40);
}

#[test]
fn a_step_is_one_event_and_back_is_where_it_was() {
    let mut stage = disk();
    let end = stage.replay.frame().clock.position;
    stage.press("[");
    assert_eq!(stage.replay.frame().clock.position, end - 1);
    stage.press("{");
    assert_eq!(stage.replay.frame().clock.position, end - 11);
    stage.press("}]");
    assert_eq!(stage.replay.frame().clock.position, end);
    assert!(stage.text().contains("at the end"));
}

#[test]
fn a_jump_goes_to_the_time_that_was_typed_and_looking_changes_no_place() {
    let mut stage = disk();
    stage.press("t500ms<Enter>");
    let (there, time) = (stage.replay.frame().clock.position, stage.replay.frame().clock.now_ns);
    assert_eq!(time, 500_000_000);
    for screen in ["7", "8", "2", "3", "1"] {
        stage.press(screen);
        assert_eq!(stage.replay.frame().clock.position, there, "screen {screen}");
    }
    stage.press("t-100ms<Enter>");
    assert!(stage.replay.frame().clock.position < there);
    stage.press("tnonsense<Enter>");
    assert!(stage.text().contains("expected a time"));
    stage.press("<Esc><Home>");
    assert_eq!(stage.replay.frame().clock.position, 0);
    stage.press("<End>");
    assert!(stage.text().contains("at the end"));
}

#[test]
fn play_goes_on_at_its_speed_and_pause_stands_still() {
    use dmlog_user::event::ids::DurationNs;
    let mut stage = disk();
    stage.press("t400ms<Enter> ");
    assert!(stage.text().contains("playing ×1"));
    let before = stage.replay.frame().clock.now_ns;
    stage.replay.tick(DurationNs(100_000_000), &stage.app.wants());
    assert_eq!(stage.replay.frame().clock.now_ns, before + 100_000_000);
    stage.press(">");
    stage.replay.tick(DurationNs(100_000_000), &stage.app.wants());
    assert_eq!(stage.replay.frame().clock.now_ns, before + 300_000_000);
    stage.press(" ");
    stage.replay.tick(DurationNs(100_000_000), &stage.app.wants());
    assert_eq!(stage.replay.frame().clock.now_ns, before + 300_000_000);
    assert!(stage.text().contains("paused"));
}

#[test]
fn events_are_followed_while_they_are_played_through_a_pause() {
    use dmlog_user::event::ids::DurationNs;
    let mut stage = disk();
    // Nothing happens from 1.387 s to 2.109 s.
    stage.press("t1400ms<Enter>7 ");
    for _ in 0..8 {
        stage.replay.tick(DurationNs(100_000_000), &stage.app.wants());
    }
    assert!(stage.text().contains("at the end"), "{}", stage.text());
}

#[test]
fn rows_are_filtered_by_what_they_say() {
    let mut stage = disk();
    stage.press("7/mark_region<Enter>");
    let text = stage.text();
    assert!(text.contains("mark_region region=23") && !text.contains("clear_region"), "{text}");
    assert!(text.contains("filtered"));
    stage.press("/<C-u>(<Enter>");
    assert!(stage.text().contains("not a regular expression"));
}

#[test]
fn the_slowest_flush_opens() {
    let mut stage = disk();
    stage.press("3<Enter>");
    let text = stage.text();
    assert!(text.contains("took 4.09 ms") && text.contains("times the median"), "{text}");
    stage.press("<Esc>");
    assert!(stage.text().contains("Slowest flushes"));
}

#[test]
fn sorting_goes_through_the_columns_and_back() {
    let mut stage = disk();
    stage.press("3s");
    assert!(stage.text().contains("took▲"), "{}", stage.text());
    stage.press("S");
    assert!(stage.text().contains("took▼"));
    stage.press("ss");
    assert!(stage.text().contains("at▼"));
}

#[test]
fn enter_opens_the_regions_of_the_mirror_and_the_map_has_a_cursor() {
    let mut stage = disk();
    stage.press("<Enter>");
    assert_eq!(stage.app.screen(), Screen::Regions);
    // The hottest, before anybody moves.
    let text = stage.text();
    assert!(text.contains("region 3  sectors 3072 to 4095") && text.contains("marks 3  clears 4"), "{text}");
    stage.press("ll");
    assert!(stage.text().contains("region 5 "), "{}", stage.text());
    stage.press("12");
    assert!(stage.text().contains("region 5 "), "where it was left");
    stage.press("j");
    assert!(stage.text().contains("region 21 "), "a line of the map has 16 cells");
}

#[test]
fn the_mouse_takes_tabs_rows_and_cells_unless_it_is_off() {
    let click = |column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    };
    let mut stage = disk();
    stage.app.update(&click(14, 0), stage.replay.frame());
    assert_eq!(stage.app.screen(), Screen::Regions);
    stage.settle();
    stage.app.update(&click(13, 4), stage.replay.frame());
    assert!(stage.text().contains("region 3  sectors"), "{}", stage.text());
    assert_eq!(stage.press("M"), Some(Command::Mouse(false)));
    stage.app.update(&click(2, 0), stage.replay.frame());
    assert_eq!(stage.app.screen(), Screen::Regions);
}

#[test]
fn a_view_is_exported_as_picture_and_tables() {
    let Some(Command::Export(files)) = disk().press("3e") else { panic!("e exports") };
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["dmlog-flushes-counts-disk-2118ms.svg", "dmlog-flushes-counts-disk-2118ms.csv"]);
    assert!(files[1].1.contains("\ntook,kind,at,marks"), "{}", files[1].1);
    assert!(files[1].1.contains(",dirtied,520726"), "in nanoseconds: {}", files[1].1);
}

#[test]
fn events_go_on_while_it_plays_as_if_looked_at_anew() {
    let mut stage = Stage::of_trace("disk-6.12.dmlog");
    stage.press("7<Home>");
    let lines = |stage: &mut Stage| {
        stage.settle();
        stage.replay.frame().events.clone()
    };
    for time in ["300ms", "400ms", "1.3s", "1.301s", "1.4s", "350ms", "2s"] {
        stage.press(&format!("t{time}<Enter>"));
        let goes_on = lines(&mut stage);
        // Another filter and none again: everything is looked at anew.
        stage.press("/x<Enter>/<Backspace><Enter>");
        assert_eq!(lines(&mut stage), goes_on, "at {time}");
        assert!(!goes_on.is_empty());
    }
}

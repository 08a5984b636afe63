//! What is around the page: tabs and time above, keys and messages below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{App, Overlay};
use super::cells::{self, Places};
use super::frame::{Frame, Pace};
use super::help;
use super::page::{Piece, piece, plain};
use super::screen::Screen;
use super::theme::Tone;
use crate::export::number::{count, harmless, moment};
use crate::session::cursor::Speed;

/// Below this nothing is shown but a sentence.
pub(super) const SIZE_MIN: (u16, u16) = (60, 15);

pub(super) fn draw(app: &mut App, frame: &Frame, area: Rect, buffer: &mut Buffer) {
    (app.places, app.tabs, app.drawn) = (Places::default(), Vec::new(), None);
    if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
        too_small(app, area, buffer);
        return;
    }
    tabs(app, frame, Rect { height: 1, ..area }, buffer);
    let status = status(app, frame, usize::from(area.width));
    cells::line(&status, Rect { y: area.y + 1, height: 1, ..area }, app.theme, buffer);
    app.body = Rect { y: area.y + 3, height: area.height - 4, ..area };
    let page = app.page(frame, app.body);
    let is_over = matches!(app.overlay, Overlay::Help | Overlay::Flush(_));
    let mirror = app.mirror_row(&page, frame).filter(|_| app.screen == Screen::Mirrors && !is_over);
    if let Some(row) = mirror {
        app.marked = App::mirror_name(&page, row, frame);
    }
    let table = &mut app.tables[app.screen.place()];
    table.scroll.selected = mirror.unwrap_or(table.scroll.selected);
    let scroll = if is_over { &mut app.over } else { &mut table.scroll };
    if table.follows_end && !is_over {
        scroll.selected = page.main().map_or(0, |grid| grid.rows.len().saturating_sub(1));
    }
    scroll.sort = table.choice.sort.filter(|_| !is_over);
    scroll.is_marked = true;
    app.places = cells::draw(&page, app.body, app.theme, scroll, buffer);
    bottom(app, frame, Rect { y: area.bottom() - 1, height: 1, ..area }, buffer);
    app.drawn = Some((page, buffer.clone()));
}

fn too_small(app: &App, area: Rect, buffer: &mut Buffer) {
    let text =
        format!("{}x{} is too small: dmlog-top needs {}x{}. q quits", area.width, area.height, SIZE_MIN.0, SIZE_MIN.1);
    let lines = super::page::broken(&text, usize::from(area.width));
    for (line, row) in lines.iter().zip(area.rows()) {
        buffer.set_stringn(row.x, row.y, line, row.width.into(), app.theme.style(Tone::Plain));
    }
}

/// The line of tabs: with names where there is room, else only of the one that is shown.
fn tabs(app: &mut App, frame: &Frame, area: Rect, buffer: &mut Buffer) {
    let offered: Vec<Screen> = Screen::ALL.into_iter().filter(|screen| screen.is_offered(frame)).collect();
    let named = |screen: Screen| format!(" {} {} ", screen.place() + 1, screen.title());
    let fits = offered.iter().map(|screen| named(*screen).len()).sum::<usize>() <= usize::from(area.width);
    let mut x = area.x;
    for screen in offered {
        let is_shown = screen == app.screen;
        let text = if fits || is_shown { named(screen) } else { format!(" {} ", screen.place() + 1) };
        let tone = if is_shown { Tone::Selected } else { Tone::Plain };
        let pieces = [piece(text, tone)];
        let room = Rect { x, width: area.right().saturating_sub(x), ..area };
        let end = cells::line(&pieces, room, app.theme, buffer);
        app.tabs.push((screen, Rect { width: end - x, ..room }));
        x = end;
    }
}

/// What is watched, where in time this is, and what is wrong.
fn status(app: &App, frame: &Frame, width: usize) -> Vec<Piece> {
    let clock = &frame.clock;
    let mut pieces = Vec::new();
    if app.screen.is_of_one_device()
        && let Some(device) = frame.device(app.device.as_deref())
    {
        let of = frame.snapshot.devices.len();
        let place = frame.device_row(app.device.as_deref()) + 1;
        let number = if of > 1 { format!(" ({place} of {of})") } else { String::new() };
        pieces.push(piece(format!(" {}{number} ", harmless(&device.name)), Tone::Head));
    } else {
        let room = width.saturating_sub(48).max(12);
        let title = crate::export::number::shortened(&harmless(&frame.title), room);
        pieces.push(piece(format!(" {title} "), Tone::Head));
    }
    let (word, tone) = match clock.pace {
        Pace::Live => ("live".to_owned(), Tone::Good),
        Pace::Reading => ("reading".to_owned(), Tone::Warn),
        Pace::Playing => (format!("playing {}", speed(clock.speed)), Tone::Good),
        Pace::Paused if clock.speed != Speed::REAL => (format!("paused {}", speed(clock.speed)), Tone::Plain),
        Pace::Paused => ("paused".to_owned(), Tone::Plain),
        Pace::AtEnd => ("at the end".to_owned(), Tone::Plain),
    };
    pieces.push(piece(format!("{word} "), tone));
    pieces.push(plain(moment(clock.now_ns)));
    if clock.reached_ns > clock.now_ns {
        pieces.push(piece(format!(" of {}", moment(clock.reached_ns)), Tone::Dim));
    }
    let events = pieces.len();
    pieces.push(piece(format!(", {} events ", count(clock.position)), Tone::Dim));
    if let Some(recording) = frame.live.as_ref().and_then(|live| live.recording.as_ref()) {
        pieces.push(piece(format!(" REC {} ", count(recording.events)), Tone::Warn));
    }
    let losses = &frame.snapshot.losses;
    if !losses.is_empty() {
        let lost = if losses.lost > 0 { count(losses.lost) } else { "events".to_owned() };
        pieces.push(piece(format!(" LOST {lost} "), Tone::Bad));
    }
    if let Some(model) = frame.snapshot.model.as_ref().filter(|model| model.divergences > 0) {
        pieces.push(piece(format!(" DIVERGES {} ", count(model.divergences)), Tone::Bad));
    }
    if app.tables[app.screen.place()].choice.filter.is_some() {
        pieces.push(piece(" filtered ", Tone::Warn));
    }
    let length: usize = pieces.iter().map(|piece| piece.text.chars().count()).sum();
    if length > width {
        // A number that is cut is another number; this one can be missed most.
        pieces[events] = plain(" ");
    }
    pieces
}

fn speed(speed: Speed) -> String {
    if speed.watch == 1 { format!("×{}", speed.trace) } else { format!("×{}/{}", speed.trace, speed.watch) }
}

fn bottom(app: &App, frame: &Frame, area: Rect, buffer: &mut Buffer) {
    let line = match (&app.overlay, &app.message, &frame.problem) {
        (Overlay::Prompt(prompt), _, _) => {
            // The end of the line is where one types.
            let line = prompt.line();
            let length = line.chars().count();
            let cut: String = line.chars().skip(length.saturating_sub(usize::from(area.width))).collect();
            piece(cut, Tone::Plain)
        }
        (_, Some(message), _) => piece(format!(" {}", harmless(message)), Tone::Warn),
        (_, None, Some(problem)) => piece(format!(" {}", harmless(problem)), Tone::Bad),
        (Overlay::Help, None, None) => piece(" Esc closes  j k scroll", Tone::Dim),
        (Overlay::Flush(_), None, None) => piece(" Esc back to the list", Tone::Dim),
        (Overlay::None, None, None) => piece(format!(" {}", help::hints(app.screen, frame)), Tone::Dim),
    };
    cells::line(&[line], area, app.theme, buffer);
}

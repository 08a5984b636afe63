//! Moving the choice: over rows, and over the map.

use super::app::{App, Overlay};
use super::frame::Frame;
use super::keys::Motion;
use super::screen::Screen;
use super::views::regions::layout;

/// How much closer a zoom goes.
const ZOOM: u64 = 4;

impl App {
    pub(super) fn move_choice(&mut self, motion: Motion, frame: &Frame) {
        let is_over = matches!(self.overlay, Overlay::Help | Overlay::Flush(_));
        if self.screen == Screen::Regions && !is_over {
            self.move_on_map(motion, frame);
            return;
        }
        let page = usize::from(self.places.rows.height).max(1);
        let shown = self.page(frame, self.body);
        let last = shown.main().map_or(0, |grid| grid.rows.len().saturating_sub(1));
        let is_of_mirrors = self.screen == Screen::Mirrors && !is_over;
        let mirror = self.mirror_row(&shown, frame).filter(|_| is_of_mirrors);
        let table = &mut self.tables[self.screen.place()];
        let at = match (is_over, table.follows_end) {
            (true, _) => self.over.selected.min(last),
            (false, true) => last,
            (false, false) => mirror.unwrap_or(table.scroll.selected).min(last),
        };
        let to = match motion {
            Motion::Up => at.saturating_sub(1),
            Motion::Down => at + 1,
            Motion::First => 0,
            Motion::Last => last,
            Motion::PageUp => at.saturating_sub(page),
            Motion::PageDown => at + page,
            Motion::HalfUp => at.saturating_sub(page.div_ceil(2)),
            Motion::HalfDown => at + page.div_ceil(2),
            Motion::Left | Motion::Right => at,
        };
        if is_over {
            self.over.selected = to.min(last);
            return;
        }
        table.scroll.selected = to.min(last);
        table.follows_end = self.screen == Screen::Events && table.scroll.selected == last;
        if is_of_mirrors {
            self.choose_mirror(&shown, to.min(last), frame);
        }
    }

    fn move_on_map(&mut self, motion: Motion, frame: &Frame) {
        let Some(map) = frame.map.as_ref() else { return };
        let (_, columns) = layout(map, self.body);
        let line = map.per_cell.saturating_mul(columns as u64);
        let lines = |number: u64| line.saturating_mul(number);
        let height = u64::from(self.places.map.height.max(1));
        let last = map.region_count.saturating_sub(1);
        let at = self.map.cursor.min(last);
        let to = match motion {
            Motion::Left => at.saturating_sub(map.per_cell),
            Motion::Right => at.saturating_add(map.per_cell),
            Motion::Up => at.checked_sub(line).unwrap_or(at),
            Motion::Down if at.saturating_add(line) > last => at,
            Motion::Down => at + line,
            Motion::First => 0,
            Motion::Last => last,
            Motion::PageUp => at.saturating_sub(lines(height)),
            Motion::PageDown => at.saturating_add(lines(height)),
            Motion::HalfUp => at.saturating_sub(lines(height.div_ceil(2))),
            Motion::HalfDown => at.saturating_add(lines(height.div_ceil(2))),
        };
        self.map.cursor = to.min(last);
        self.map.is_moved = true;
        self.keep_cursor_in_sight(map.cells.len() as u64, columns as u64);
    }

    /// Moves a zoomed map along with its cursor, by whole lines.
    fn keep_cursor_in_sight(&mut self, cells: u64, columns: u64) {
        let Some((first, per_cell)) = self.map.zoom else { return };
        let line = columns.saturating_mul(per_cell).max(1);
        let room = cells.saturating_mul(per_cell);
        if self.map.cursor < first {
            self.map.zoom = Some((self.map.cursor / line * line, per_cell));
        } else if self.map.cursor >= first.saturating_add(room) {
            let lines = room / line;
            self.map.zoom = Some((
                self.map.cursor / line * line - lines.saturating_sub(1).min(self.map.cursor / line) * line,
                per_cell,
            ));
        }
    }

    pub(super) fn zoom(&mut self, closer: bool, frame: &Frame) {
        let Some(map) = frame.map.as_ref() else { return };
        let whole = self.wants().cells as u64;
        let per_cell = if closer { map.per_cell / ZOOM } else { map.per_cell.saturating_mul(ZOOM) };
        if !closer && per_cell.saturating_mul(whole) >= map.region_count {
            self.map.zoom = None;
            return;
        }
        self.zoom_to(per_cell.max(1), frame);
    }

    /// Shows so many regions per cell, with the cursor in the middle.
    pub(super) fn zoom_to(&mut self, per_cell: u64, frame: &Frame) {
        let Some(map) = frame.map.as_ref() else { return };
        if per_cell == map.per_cell {
            self.say("one region a cell already: there is nothing closer");
            return;
        }
        let shown = (self.wants().cells as u64).saturating_mul(per_cell);
        let last = map.region_count.saturating_sub(shown);
        let first = self.map.cursor.saturating_sub(shown / 2).min(last);
        self.map.zoom = Some((first / per_cell * per_cell, per_cell));
    }

    pub(super) fn point_at(&mut self, x: usize, y: usize, frame: &Frame) {
        let Some(map) = frame.map.as_ref() else { return };
        let (wide, columns) = layout(map, self.body);
        let cell = y * columns + x / wide;
        if cell < map.cells.len() {
            self.map.cursor = map.first + cell as u64 * map.per_cell;
            self.map.is_moved = true;
        }
    }
}

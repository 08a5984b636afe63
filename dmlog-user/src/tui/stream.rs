//! The latest events of a source that goes on by itself, as lines. Only what came since the last frame is made into text.

use std::collections::VecDeque;

use super::events::{LINES_MAX, LOOKED_AT_MAX, of};
use super::frame::EventLine;
use crate::event::ids::MonoNs;
use crate::event::item::Item;

/// Items of the recent past, and how many of them are lines already.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    recent: VecDeque<Item>,
    /// Items that came in all.
    came: u64,
    /// Items before this one are lines, or were no match.
    told: u64,
    filter: Option<String>,
}

impl Stream {
    /// Takes an item in.
    pub(super) fn push(&mut self, item: Item) {
        if self.recent.len() as u64 >= LOOKED_AT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(item);
        self.came += 1;
    }

    /// Items that came in all.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// Brings lines up to date. They are those of the last call, of whichever filter.
    pub(super) fn tell(&mut self, filter: Option<&regex_lite::Regex>, origin: MonoNs, lines: &mut Vec<EventLine>) {
        let wanted = filter.map(|filter| filter.as_str().to_owned());
        if wanted != self.filter || lines.is_empty() {
            lines.clear();
            self.told = 0;
            self.filter = wanted;
        }
        let first = self.came - self.recent.len() as u64;
        // Without a filter, what would be pushed out at once needs no text.
        let shown = if filter.is_some() { first } else { self.came.saturating_sub(LINES_MAX as u64).max(first) };
        let begin = self.told.max(shown) - first;
        for item in self.recent.iter().skip(usize::try_from(begin).unwrap_or(usize::MAX)) {
            let line = of(item, origin);
            if filter.is_none_or(|filter| filter.is_match(&line.text)) {
                lines.push(line);
            }
        }
        lines.drain(..lines.len().saturating_sub(LINES_MAX));
        self.told = self.came;
    }
}

#[cfg(test)]
mod tests {
    use regex_lite::Regex;

    use super::{LINES_MAX, Stream};
    use crate::event::ids::{LogId, MonoNs, Region};
    use crate::event::item::Item;
    use crate::event::op::{Event, LogImpl, LogOp, Op};

    fn mark(time: u64) -> Item {
        let op = Op::Log(LogImpl::Core, LogOp::MarkRegion { region: Region(time) });
        Item::Event(Event { time: MonoNs(time), cpu: 0, tid: 1, log: LogId(1), duration: None, op })
    }

    #[test]
    fn lines_follow_what_comes_and_a_filter_looks_back() {
        let (mut stream, mut lines) = (Stream::default(), Vec::new());
        for time in 0..1000 {
            stream.push(mark(time));
        }
        stream.tell(None, MonoNs(0), &mut lines);
        assert_eq!((lines.len(), lines[0].time_ns), (LINES_MAX, 500));
        stream.push(mark(1000));
        stream.tell(None, MonoNs(0), &mut lines);
        assert_eq!((lines.len(), lines[0].time_ns, lines[LINES_MAX - 1].time_ns), (LINES_MAX, 501, 1000));
        let filter = Regex::new("region=[0-9]+00( |$)").unwrap();
        stream.tell(Some(&filter), MonoNs(0), &mut lines);
        let times: Vec<u64> = lines.iter().map(|line| line.time_ns).collect();
        assert_eq!(times[..10], [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000], "{lines:?}");
        stream.push(mark(1100));
        stream.push(mark(1101));
        stream.tell(Some(&filter), MonoNs(0), &mut lines);
        assert_eq!(lines.last().map(|line| line.time_ns), Some(1100));
        stream.tell(None, MonoNs(0), &mut lines);
        assert_eq!((lines.len(), stream.came()), (LINES_MAX, 1003));
    }
}

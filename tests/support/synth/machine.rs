//! Several mirrors of one machine, in one order of time, with the numbers of their bios in order of appearance.

use std::collections::VecDeque;

use dmlog_user::event::ids::IoId;
use dmlog_user::event::item::Item;
use dmlog_user::event::op::{MirrorOp, Op, RegionHashOp};

use super::Settings;
use super::mirror::Mirror;

/// Bios of a mirror that may still be under way when a new one comes. A mirror has a handful of jobs with one bio each.
const BIOS_REMEMBERED: usize = 4096;

/// Hands over so many events.
pub(crate) fn run<E>(settings: &Settings, mut sink: impl FnMut(&Item) -> Result<(), E>) -> Result<(), E> {
    let mut mirrors: Vec<Stream> = (0..settings.mirrors).map(|number| Stream::new(settings, number)).collect();
    let mut next_io = 1;
    for _ in 0..settings.events {
        let Some(next) = mirrors.iter_mut().min_by_key(|stream| stream.head.time()) else { return Ok(()) };
        let mut item = std::mem::replace(&mut next.head, next.mirror.next());
        next.numbers.put_in(&mut item, &mut next_io);
        sink(&item)?;
    }
    Ok(())
}

/// One mirror and the item of it that comes next.
struct Stream {
    mirror: Mirror,
    head: Item,
    numbers: Numbers,
}

impl Stream {
    fn new(settings: &Settings, number: u32) -> Self {
        let mut mirror = Mirror::new(settings, number);
        Self { head: mirror.next(), mirror, numbers: Numbers::default() }
    }
}

/// The bios of one mirror: their numbers within the machine.
#[derive(Default)]
struct Numbers {
    first: u64,
    numbers: VecDeque<u64>,
}

impl Numbers {
    fn put_in(&mut self, item: &mut Item, next_io: &mut u64) {
        let Item::Event(event) = item else { return };
        match &mut event.op {
            Op::Mirror(MirrorOp::Map(map)) => {
                if self.numbers.len() == BIOS_REMEMBERED {
                    self.numbers.pop_front();
                    self.first += 1;
                }
                self.numbers.push_back(*next_io);
                map.io = IoId(*next_io);
                *next_io += 1;
            }
            Op::Mirror(MirrorOp::WriteCallback { io, .. } | MirrorOp::EndIo { io, .. })
            | Op::RegionHash(RegionHashOp::IncPending { io, .. } | RegionHashOp::Delay { io, .. }) => {
                let place = usize::try_from(io.0 - self.first).unwrap_or(usize::MAX);
                *io = IoId(self.numbers.get(place).copied().unwrap_or(0));
            }
            _ => {}
        }
    }
}

//! What a format of single events is: something that takes items one by one.

use std::collections::hash_map::Entry;
use std::io;

use rustc_hash::FxHashMap;

use crate::event::ids::LogId;
use crate::event::item::Item;
use crate::event::op::{Event, Identity, Op};

/// Logs whose device is remembered, as many as a trace of years has. Events of further ones are exported without its name.
pub const LOGS_MAX: usize = 1 << 16;

/// Bytes of a device's name that are kept: the kernel's limit is 127, and twice that with `vg/lv`. A longer one is no name.
pub const NAME_BYTES_MAX: usize = 512;

/// Takes the items of a trace in their order and writes them in one format.
pub trait ItemSink {
    /// Where the bytes went.
    type Out;

    /// Takes the next item.
    fn take(&mut self, item: &Item) -> io::Result<()>;

    /// Takes an item that is not to be written because it lies before the time that was asked for: a format may want to know what it
    /// says of what follows.
    fn pass_over(&mut self, _item: &Item) {}

    /// Writes what is still to be written, and gives back where the bytes went.
    fn finish(self) -> io::Result<Self::Out>;
}

/// Names of the devices that the logs of a trace belong to, as far as their identities have come. `T` is what a format makes of
/// a name.
#[derive(Debug)]
pub struct DeviceNames<T>(FxHashMap<LogId, T>);

impl<T> Default for DeviceNames<T> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<T> DeviceNames<T> {
    /// Remembers what an identity says; of anything else nothing.
    pub fn note(&mut self, item: &Item, form: impl FnOnce(&str) -> T) {
        let Item::Event(Event { log, op: Op::Identity(identity), .. }) = item else { return };
        let Identity { device, name, .. } = &**identity;
        let is_full = self.0.len() >= LOGS_MAX;
        let form =
            || if name.is_empty() || name.len() > NAME_BYTES_MAX { form(&device.to_string()) } else { form(name) };
        match self.0.entry(*log) {
            // What could be read once and not this time is still true.
            Entry::Occupied(_) if name.is_empty() => {}
            Entry::Occupied(mut known) => {
                known.insert(form());
            }
            Entry::Vacant(place) if !is_full => {
                place.insert(form());
            }
            Entry::Vacant(_) => {}
        }
    }

    /// All logs that are known, with the forms of their names.
    pub fn iter(&self) -> impl Iterator<Item = (LogId, &T)> {
        self.0.iter().map(|(log, form)| (*log, form))
    }

    /// Knows what other names say.
    pub fn learn(&mut self, log: LogId, form: T) {
        if self.0.len() < LOGS_MAX {
            self.0.insert(log, form);
        }
    }

    /// The device of a log; `None` before its first identity.
    pub fn get(&self, log: LogId) -> Option<&T> {
        self.0.get(&log)
    }
}

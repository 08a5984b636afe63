//! The tables that make a session large, all of one kind or another, so that whoever packs it need not know where they lie.

use super::model::hash::Slots;
use crate::analysis::latency::Latency;
use crate::analysis::packing::{Pack, put, put_sparse, take, take_count, take_sparse};
use crate::analysis::regions::Regions;
use crate::log::region_set::RegionSet;

/// A large table of a session.
#[derive(Debug)]
pub(super) enum TableMut<'a> {
    Regions(&'a mut Regions),
    Latency(&'a mut Latency),
    Set(&'a mut RegionSet),
    Slots(&'a mut Slots),
}

/// The same, taken out of it.
#[derive(Debug)]
pub(super) enum Table {
    Regions(Box<Regions>),
    Latency(Box<Latency>),
    Set(RegionSet),
    Slots(Slots),
}

impl TableMut<'_> {
    /// Whether these are counters of regions, the largest of all.
    pub(super) fn is_of_regions(&self) -> bool {
        matches!(self, Self::Regions(_))
    }

    /// Takes the table out and leaves an empty one.
    pub(super) fn take(self) -> Table {
        match self {
            Self::Regions(table) => Table::Regions(Box::new(std::mem::take(table))),
            Self::Latency(table) => {
                let empty = table.empty();
                Table::Latency(Box::new(std::mem::replace(table, empty)))
            }
            Self::Set(table) => Table::Set(std::mem::replace(table, RegionSet::new_empty(0))),
            Self::Slots(table) => Table::Slots(std::mem::take(table)),
        }
    }

    /// Puts a table in place of this one, if it is of the same kind.
    pub(super) fn put(&mut self, table: Table) {
        match (self, table) {
            (Self::Regions(place), Table::Regions(table)) => **place = *table,
            (Self::Latency(place), Table::Latency(table)) => **place = *table,
            (Self::Set(place), Table::Set(table)) => **place = table,
            (Self::Slots(place), Table::Slots(table)) => **place = table,
            _ => {}
        }
    }

    /// The table as what packs.
    pub(super) fn as_pack(&mut self) -> &mut dyn Pack {
        match self {
            Self::Regions(table) => *table,
            Self::Latency(table) => *table,
            Self::Set(table) => *table,
            Self::Slots(table) => *table,
        }
    }
}

impl Pack for RegionSet {
    /// Most words are full or empty.
    fn pack(&self, bytes: &mut Vec<u8>) {
        let full = self.words().iter().filter(|word| **word == u64::MAX).count();
        let frequent = if full * 2 > self.words().len() { u64::MAX } else { 0 };
        put(bytes, self.len());
        put(bytes, frequent & 1);
        put_sparse(bytes, self.words(), &frequent, |bytes, word| bytes.extend(word.to_le_bytes()));
    }

    fn unpack(&mut self, bytes: &mut &[u8]) {
        let region_count = take(bytes);
        let frequent = if take_count(bytes) == 1 { u64::MAX } else { 0 };
        let mut words = Vec::new();
        take_sparse(bytes, &mut words, &frequent, |bytes| {
            let Some((word, rest)) = bytes.split_first_chunk() else { return 0 };
            *bytes = rest;
            u64::from_le_bytes(*word)
        });
        *self = Self::from_words(region_count, words);
    }
}

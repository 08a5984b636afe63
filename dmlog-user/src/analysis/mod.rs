//! L2: numbers out of events.
//!
//! One file per question: how often and how long ([`ops`], [`spread`]), flushes by kind ([`flush`]) and the slow ones ([`slow_flush`]), what writes waited for
//! ([`timeline`], [`io`]), what happened when ([`heat`]), which regions ([`regions`], placed by [`geometry`]), how
//! many of them are dirty and what a crash would cost ([`occupancy`], [`over_time`]), for how long ([`churn`]), who ([`processes`]), recovery
//! ([`recovery`]), what failed (`outcome`, [`failures`]), the log daemon ([`consults`]), what is missing ([`losses`]), other settings ([`whatif`]),
//! what rules speak of ([`subject`]) and when one is broken ([`trigger`]).
//!
//! Each has a folder of counters that is fed one event at a time (`observe` and the like), can take over the counters of
//! another (`absorb`), and tells what it knows as a plain value (`summary`), which all outputs share. Titles and units of
//! all numbers are in the [`catalogue`]. Nothing here reads a clock or fails; everything that grows has a limit in a named
//! constant, and what is beyond it is counted.

pub mod catalogue;
pub mod churn;
pub mod consults;
pub mod failures;
pub mod flush;
pub mod geometry;
pub mod heat;
pub mod io;
pub mod latency;
pub mod losses;
pub mod occupancy;
pub mod ops;
pub(crate) mod outcome;
pub mod outstanding;
pub mod over_time;
pub mod packing;
pub mod processes;
pub mod recovery;
pub mod regions;
pub mod slow_flush;
pub mod spread;
pub mod subject;
#[cfg(test)]
pub(crate) mod testing;
pub mod timeline;
pub mod trigger;
pub mod whatif;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// A row that goes by a name. In JSON, rows are an object by their names, in their own order.
pub trait Named {
    /// Its name, unique among the rows.
    fn name(&self) -> &'static str;
}

/// Serializes rows as an object by their names.
pub(crate) fn by_name<T: Named + Serialize, S: Serializer>(rows: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(rows.len()))?;
    for row in rows {
        map.serialize_entry(row.name(), row)?;
    }
    map.end()
}

/// A count per second of a time of `span_ns`; 0 if no time passed.
pub fn rate_per_s(count: u64, span_ns: u64) -> f64 {
    if span_ns == 0 { 0.0 } else { count as f64 * 1e9 / span_ns as f64 }
}

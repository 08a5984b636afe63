//! Round trips to a userspace log daemon, by request type.

use serde::Serialize;

use super::latency::{Latency, LatencySummary};
use super::{Named, rate_per_s};

/// `DM_ULOG_*` request types by number, from `include/uapi/linux/dm-log-userspace.h`; number 0 stands for all that this
/// version does not know.
pub const REQUEST_NAMES: [&str; 18] = [
    "unknown",
    "ctr",
    "dtr",
    "presuspend",
    "postsuspend",
    "resume",
    "get_region_size",
    "is_clean",
    "in_sync",
    "flush",
    "mark_region",
    "clear_region",
    "get_resync_work",
    "set_region_sync",
    "get_sync_count",
    "status_info",
    "status_table",
    "is_remote_recovering",
];

/// Counters of one request type.
#[derive(Clone, Debug)]
struct RequestCounters {
    count: u64,
    errors: u64,
    last_error: i32,
    latency: Latency,
}

/// Round trips of one device.
#[derive(Clone, Debug, Default)]
pub struct Consults {
    by_request: [Option<Box<RequestCounters>>; REQUEST_NAMES.len()],
}

impl Consults {
    /// All distributions, to be packed.
    pub fn latencies_mut(&mut self) -> impl Iterator<Item = &mut Latency> {
        self.by_request.iter_mut().flatten().map(|counters| &mut counters.latency)
    }

    /// Counts one round trip.
    pub fn observe(&mut self, request: u32, result: i32, duration_ns: Option<u64>) {
        let place = usize::try_from(request).ok().filter(|&place| place < REQUEST_NAMES.len()).unwrap_or(0);
        let counters = self.by_request[place].get_or_insert_with(|| {
            Box::new(RequestCounters { count: 0, errors: 0, last_error: 0, latency: Latency::of_device() })
        });
        counters.count += 1;
        if result != 0 {
            counters.errors += 1;
            counters.last_error = result;
        }
        if let Some(duration_ns) = duration_ns {
            counters.latency.record(duration_ns);
        }
    }

    /// How long round trips took, by request.
    pub fn latencies(&self) -> impl Iterator<Item = (&'static str, &Latency)> {
        let counted = REQUEST_NAMES.into_iter().zip(&self.by_request);
        counted.filter_map(|(name, counters)| Some((name, &counters.as_ref()?.latency)))
    }

    /// Adds another device's round trips.
    pub fn absorb(&mut self, other: &Self) {
        for (ours, theirs) in self.by_request.iter_mut().zip(&other.by_request) {
            let Some(theirs) = theirs else { continue };
            match ours {
                Some(ours) => {
                    ours.count += theirs.count;
                    ours.errors += theirs.errors;
                    ours.last_error = if theirs.last_error == 0 { ours.last_error } else { theirs.last_error };
                    ours.latency.absorb(&theirs.latency);
                }
                None => *ours = Some(theirs.clone()),
            }
        }
    }

    /// What is told of them, over a time of `span_ns`, in the order of the request numbers.
    pub fn summary(&self, span_ns: u64) -> Vec<ConsultSummary> {
        let rows = REQUEST_NAMES.iter().zip(&self.by_request);
        rows.filter_map(|(name, counters)| {
            let counters = counters.as_ref()?;
            Some(ConsultSummary {
                request: name,
                count: counters.count,
                rate_per_s: rate_per_s(counters.count, span_ns),
                errors: counters.errors,
                last_error: counters.last_error,
                latency: counters.latency.summary(),
            })
        })
        .collect()
    }
}

/// What is told of one request type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConsultSummary {
    /// One of [`REQUEST_NAMES`].
    #[serde(skip)]
    pub request: &'static str,
    /// How many.
    pub count: u64,
    /// How many per second of the covered time.
    pub rate_per_s: f64,
    /// How many failed.
    pub errors: u64,
    /// The last errno; 0 if there was none.
    pub last_error: i32,
    /// From request to answer, resends included.
    #[serde(flatten)]
    pub latency: Option<LatencySummary>,
}

impl Named for ConsultSummary {
    fn name(&self) -> &'static str {
        self.request
    }
}

#[cfg(test)]
mod tests {
    use super::Consults;

    #[test]
    fn requests_are_told_by_name() {
        let mut consults = Consults::default();
        consults.observe(9, 0, Some(1_000));
        consults.observe(9, -3, Some(3_000));
        consults.observe(1, 0, None);
        consults.observe(99, 0, Some(5));
        let rows = consults.summary(1_000_000_000);
        let told: Vec<_> = rows.iter().map(|r| (r.request, r.count, r.errors, r.last_error)).collect();
        assert_eq!(told, [("unknown", 1, 0, 0), ("ctr", 1, 0, 0), ("flush", 2, 1, -3)]);
        assert_eq!(rows[2].latency.unwrap().latency_ns_max, 3_000);
        assert_eq!(rows[1].latency, None);
    }
}

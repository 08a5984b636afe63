//! The newest pages, between the one who makes them and those who read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::export::openmetrics::Serving;

/// How long somebody who asks waits for newer pages before they get those that there are.
const NEWER_WITHIN: Duration = Duration::from_secs(2);

/// Pages older than this say that nobody makes new ones any more, though they were asked for.
pub const STALE_AFTER: Duration = Duration::from_secs(15);

/// What can be read, made together.
#[derive(Clone, Debug)]
pub struct Pages {
    /// OpenMetrics text.
    pub openmetrics: Bytes,
    /// Prometheus's own text format.
    pub prometheus: Bytes,
    /// A page for people, HTML.
    pub home: Bytes,
    /// A JSON object.
    pub health: Bytes,
    /// Whether probes are in force.
    pub is_healthy: bool,
    /// When they were made.
    pub made: Instant,
}

/// Where pages lie, and what became of those who came for them.
#[derive(Debug)]
pub struct Shelf {
    pages: watch::Sender<Arc<Pages>>,
    interval: Duration,
    is_asked: Mutex<bool>,
    ask: Condvar,
    requests: Mutex<BTreeMap<u16, u64>>,
    refused: AtomicU64,
    timed_out: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A flag and counters are whole between two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// A shelf with its first pages; others are made at most once an interval.
    pub fn new(pages: Pages, interval: Duration) -> Self {
        Self {
            pages: watch::Sender::new(Arc::new(pages)),
            interval,
            is_asked: Mutex::new(false),
            ask: Condvar::new(),
            requests: Mutex::new(BTreeMap::new()),
            refused: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
        }
    }

    /// Pages that are not older than the interval, if somebody makes such in time.
    pub async fn newest(&self) -> Arc<Pages> {
        let mut pages = self.pages.subscribe();
        let there = Arc::clone(&pages.borrow_and_update());
        if there.made.elapsed() < self.interval {
            return there;
        }
        *lock(&self.is_asked) = true;
        self.ask.notify_one();
        match timeout(NEWER_WITHIN, pages.changed()).await {
            Ok(Ok(())) => Arc::clone(&pages.borrow()),
            Ok(Err(_)) | Err(_) => there,
        }
    }

    /// Waits until somebody asks for newer pages than there are, but not longer than this. Whoever asks too soon gets
    /// what there is.
    pub fn wait_asked(&self, most: Duration) -> bool {
        let waited = self.ask.wait_timeout_while(lock(&self.is_asked), most, |is_asked| !*is_asked);
        let (mut is_asked, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *is_asked) && self.pages.borrow().made.elapsed() >= self.interval
    }

    /// Puts newer pages there.
    pub fn put(&self, pages: Pages) {
        self.pages.send_replace(Arc::new(pages));
    }

    /// A request was answered with this status.
    pub fn count_request(&self, status: u16) {
        *lock(&self.requests).entry(status).or_insert(0) += 1;
    }

    /// A connection was one too many.
    pub fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection took too long.
    pub fn count_timed_out(&self) {
        self.timed_out.fetch_add(1, Ordering::Relaxed);
    }

    /// What became of those who came.
    pub fn serving(&self) -> Serving {
        Serving {
            requests: lock(&self.requests).iter().map(|(status, count)| (*status, *count)).collect(),
            refused: self.refused.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
            ring_lost: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use bytes::Bytes;

    use super::{Pages, Shelf, lock};

    fn pages(health: &'static str, made: Instant) -> Pages {
        let (empty, health) = (Bytes::new(), Bytes::from_static(health.as_bytes()));
        Pages { openmetrics: empty.clone(), prometheus: empty.clone(), home: empty, health, is_healthy: true, made }
    }

    /// What somebody gets who comes now.
    fn newest(shelf: &Shelf) -> Bytes {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(shelf.newest()).health.clone()
    }

    #[test]
    fn nobody_makes_pages_twice_in_an_interval() {
        let shelf = Shelf::new(pages("first", Instant::now()), Duration::from_hours(1));
        assert_eq!(newest(&shelf), "first");
        assert!(!*lock(&shelf.is_asked), "they are new enough");
        // Somebody else asked before those were there, and is heard only now.
        *lock(&shelf.is_asked) = true;
        assert!(!shelf.wait_asked(Duration::ZERO));
        assert!(!*lock(&shelf.is_asked), "and is not heard again");
    }

    #[test]
    fn whoever_comes_for_old_pages_waits_for_new_ones() {
        let shelf = Shelf::new(pages("old", Instant::now()), Duration::ZERO);
        std::thread::scope(|scope| {
            let maker = scope.spawn(|| {
                while !shelf.wait_asked(Duration::from_secs(1)) {}
                shelf.put(pages("new", Instant::now()));
            });
            assert_eq!(newest(&shelf), "new");
            maker.join().unwrap();
        });
        assert_eq!(newest(&shelf), "new", "though nobody makes any more");
    }
}

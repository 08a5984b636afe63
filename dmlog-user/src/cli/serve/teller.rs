//! Makes the pages: one session that everything is folded into, and a snapshot of it when somebody asks.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use super::shelf::{Pages, Shelf};
use crate::event::facts::{CaptureFacts, HookCoverage};
use crate::event::ids::MonoNs;
use crate::event::item::Item;
use crate::export::coverage::HookCounts;
use crate::export::markup::escaped;
use crate::export::openmetrics::{Dialect, Exposition, Serving, render};
use crate::export::{Report, TraceEnd};
use crate::session::snapshot::Snapshot;
use crate::session::{Session, Settings};

/// How often items are taken where nobody asks.
const TAKE_EVERY: Duration = Duration::from_millis(50);

/// Where items come from, and how it is doing.
pub trait Feed {
    /// Takes the items that came since the last time.
    fn take(&mut self, out: &mut Vec<Item>);

    /// Every hook, as it is now.
    fn coverage(&self) -> Vec<HookCoverage>;

    /// Records that found no room in the ring so far.
    fn ring_lost(&self) -> u64;

    /// The clock that items are timed by.
    fn now(&self) -> MonoNs;

    /// It has ended.
    fn is_over(&self) -> bool;
}

/// Makes pages.
#[derive(Debug)]
pub struct Teller {
    facts: CaptureFacts,
    session: Session,
    /// Most marked regions of each mirror that are told.
    regions: usize,
}

/// What `/healthz` says.
#[derive(Debug, Serialize)]
struct Health {
    /// `ok`, `losses` if events were lost, `no probes` if nothing is observed.
    status: &'static str,
    events: u64,
    lost: u64,
    ring_lost: u64,
    gaps_of_unknown_size: u64,
    decode_errors: u64,
    devices: usize,
    hooks: HookCounts,
}

impl Teller {
    /// Nothing has been seen yet of this capture.
    pub fn new(facts: CaptureFacts, regions: usize) -> Self {
        let session = Session::new(Some(&facts), Settings::default());
        Self { facts, session, regions }
    }

    /// Folds items, and puts pages on a shelf when they are asked for, until the feed has ended.
    pub fn run(&mut self, feed: &mut impl Feed, shelf: &Shelf) {
        let mut items = Vec::new();
        while !feed.is_over() {
            let is_asked = shelf.wait_asked(TAKE_EVERY);
            feed.take(&mut items);
            for item in items.drain(..) {
                self.session.apply(&item);
            }
            if is_asked {
                shelf.put(self.pages(feed, shelf.serving()));
            }
        }
    }

    /// The pages of now.
    pub fn pages(&mut self, feed: &impl Feed, serving: Serving) -> Pages {
        self.facts.coverage = feed.coverage();
        let serving = Serving { ring_lost: feed.ring_lost(), ..serving };
        let mut snapshot = self.session.snapshot(self.regions);
        self.go_on_waiting(&mut snapshot, feed.now());
        let distributions = self.session.distributions();
        let report =
            Report { source: "the running kernel", facts: &self.facts, snapshot: &snapshot, end: TraceEnd::Clean };
        let exposition = Exposition {
            report: &report,
            distributions: &distributions,
            regions: self.regions,
            at_ns: None,
            serving: Some(&serving),
        };
        let health = self.health(&snapshot, &serving);
        let mut body = serde_json::to_vec(&health).unwrap_or_default();
        body.push(b'\n');
        Pages {
            openmetrics: Bytes::from(render(&exposition, Dialect::OpenMetrics)),
            prometheus: Bytes::from(render(&exposition, Dialect::Prometheus)),
            home: Bytes::from(self.home()),
            health: Bytes::from(body),
            is_healthy: health.hooks.fentry + health.hooks.kprobe > 0,
            made: Instant::now(),
        }
    }

    /// Time goes on where nothing happens: what hangs has been under way until now, not until the last event.
    fn go_on_waiting(&self, snapshot: &mut Snapshot, now: MonoNs) {
        let last_ns = self.facts.clock.monotonic_ns.saturating_add(snapshot.window.last_ns);
        let since_ns = now.0.saturating_sub(last_ns);
        for device in &mut snapshot.devices {
            let oldest_ns = &mut device.io.under_way.oldest_under_way_ns;
            *oldest_ns = oldest_ns.map(|oldest_ns| oldest_ns.saturating_add(since_ns));
        }
    }

    fn health(&self, snapshot: &Snapshot, serving: &Serving) -> Health {
        let hooks = HookCounts::of(&self.facts);
        let losses = &snapshot.losses;
        let status = match () {
            () if hooks.fentry + hooks.kprobe == 0 => "no probes",
            () if !losses.is_empty() || serving.ring_lost > 0 => "losses",
            () => "ok",
        };
        Health {
            status,
            events: snapshot.window.events,
            lost: losses.lost,
            ring_lost: serving.ring_lost,
            gaps_of_unknown_size: losses.gaps_of_unknown_size,
            decode_errors: losses.decode_errors,
            devices: snapshot.devices.len(),
            hooks,
        }
    }

    /// A page for whoever comes with a browser.
    fn home(&self) -> String {
        let HookCounts { fentry, kprobe, .. } = HookCounts::of(&self.facts);
        let (host, kernel) = (escaped(&self.facts.host), escaped(&self.facts.kernel_release));
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>dmlog-top on {host}</title></head><body>\n\
             <h1>dmlog-top {version} on {host}</h1>\n\
             <p>Dirty region logs of the mirrors of Linux {kernel}: {fentry} kernel functions by fentry, {kprobe} by kprobe.</p>\n\
             <ul><li><a href=\"/metrics\">/metrics</a>: OpenMetrics, or Prometheus text by <code>Accept</code></li>\n\
             <li><a href=\"/healthz\">/healthz</a>: losses and probes in force</li></ul>\n\
             </body></html>\n"
        )
    }
}

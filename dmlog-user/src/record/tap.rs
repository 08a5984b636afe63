//! A capture of which somebody makes numbers: its items go to whoever looks, and nowhere else.
//!
//! ```text
//! ring ─drain─▶ batch ─▶ mailbox ─▶ whoever looks, in a thread of its own
//! ```
//!
//! Whoever looks can hold nothing up: what finds no room in the mailbox is dropped, counted, and told as a gap.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use super::drain::{Outlet, Second};
use super::feeder::count_events;
use super::mailbox::Mailbox;
use super::watch::{Signals, look_beside};
use crate::capture::{Capture, Losses, monotonic_ns};
use crate::event::facts::{CaptureFacts, HookCoverage};
use crate::event::ids::MonoNs;
use crate::event::item::Item;

/// A capture, for whoever makes numbers of it.
#[derive(Debug)]
pub struct Tap {
    facts: CaptureFacts,
    mailbox: Arc<Mailbox>,
    standing: Arc<Mutex<Standing>>,
    is_over: Arc<AtomicBool>,
}

/// Where a capture stands, at most a second old.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Every hook, as it is now: modules come and go.
    pub coverage: Vec<HookCoverage>,
    /// Records that found no room in the ring, by the kernel's own count.
    pub ring_lost: u64,
}

/// How it went.
#[derive(Debug)]
pub struct Tapped<T> {
    /// What the one who looked made of it.
    pub result: T,
    /// What was lost before it reached anybody.
    pub losses: Losses,
}

impl Tap {
    /// Facts of the capture.
    pub fn facts(&self) -> &CaptureFacts {
        &self.facts
    }

    /// Takes the items that came since the last time.
    pub fn take(&self, out: &mut Vec<Item>) {
        self.mailbox.take(out);
    }

    /// Where it stands.
    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The clock that items are timed by.
    pub fn now(&self) -> MonoNs {
        MonoNs(monotonic_ns())
    }

    /// A signal asked the program to end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// To the mailbox alone.
struct MailboxOutlet {
    mailbox: Arc<Mailbox>,
    events: u64,
}

impl Outlet for MailboxOutlet {
    fn is_ready(&mut self) -> bool {
        true
    }

    fn feed(&mut self, items: Vec<Item>) {
        self.events += count_events(&items);
        self.mailbox.put(&items);
    }

    fn is_closed(&self) -> bool {
        false
    }

    /// What the mailbox drops is told in its own stream.
    fn seen(&self) -> (u64, u64) {
        (self.events, 0)
    }
}

/// Lets somebody look until they have seen enough. Signals are told through [`Tap::is_over`].
///
/// # Errors
/// An I/O error of the runtime itself.
pub fn tap<T: Send>(mut capture: Capture, look: impl FnOnce(Tap) -> T + Send) -> io::Result<Tapped<T>> {
    let mailbox = Arc::new(Mailbox::default());
    let standing = Arc::new(Mutex::new(Standing { coverage: capture.coverage(), ring_lost: 0 }));
    let is_over = Arc::new(AtomicBool::new(false));
    let tap = Tap {
        facts: capture.facts().clone(),
        mailbox: Arc::clone(&mailbox),
        standing: Arc::clone(&standing),
        is_over: Arc::clone(&is_over),
    };
    let mut outlet = MailboxOutlet { mailbox, events: 0 };
    let mut on_second = |second: &Second<'_>| {
        let now = Standing { coverage: second.capture.coverage(), ring_lost: second.ring_lost };
        *standing.lock().unwrap_or_else(PoisonError::into_inner) = now;
    };
    let signals = Signals { is_over: &is_over, on_user_signal: None };
    let looked = look_beside(&mut capture, &mut outlet, &signals, &mut on_second, || look(tap));
    let losses = capture.stop(&mut Vec::new());
    Ok(Tapped { result: looked?, losses })
}

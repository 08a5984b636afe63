//! The real thing: runs as root in a guest, against real mirrors of a real kernel.
//!
//! `cargo xtask test --tier vm` builds this binary, boots a guest of every kernel, and runs it there with one thread, for
//! the kernel's state is shared. The recorder under test runs as a process (`DMLOG_TOP`) or through the library; what it
//! says is compared with [`support::counter`], which asks the kernel in another way.
//!
//! ```text
//! bits         a log's bitsets: those of the kernel, of its status, and of the log device
//! counts       exact numbers, identity, whole life, probes in force
//! overflow     a ring that is too small: kept + lost is exact
//! storm        a storm at full speed: nothing is lost
//! kill         the recorder dies at any moment: what is sealed is readable
//! faults       what a user can do wrong, and what the sentence says
//! modules      modules and tables that come, go and change
//! flight       the last stretch of time, written when it is worth keeping
//! fidelity     the model of a log foresees what the kernel answers
//! live         the screen, in a terminal: what was done is read off it
//! serve        metrics: exact under scrapers and garbage; a real Prometheus reads them
//! disk_format  logs on a device: a kernel reads ours, we read its
//! ```
#![expect(clippy::print_stdout, reason = "a test that cannot run says so on stdout, where the harness reads it")]

mod bits;
mod counts;
mod disk_format;
mod faults;
mod fidelity;
mod flight;
mod kill;
mod live;
mod modules;
mod overflow;
mod serve;
mod storm;
mod support;
#[path = "../terminal/terminal.rs"]
#[expect(dead_code, reason = "some of it is for tests of replays")]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and a panic has a place")]
mod terminal;

//! `dmlog-top serve`: the running kernel's mirrors as metrics, over HTTP.
//!
//! ```text
//! ring ─drain─▶ mailbox ─▶ teller: one session ──pages, at most one set an interval──▶ shelf ─▶ http: one thread
//!                                   ▲                                                    │        100 scrapers, slow readers,
//!                                   └───────────── somebody asks for newer ones ─────────┘        garbage
//! ```
//!
//! Nothing goes back beyond the shelf: whoever reads slowly, or not at all, holds a reference to bytes that were made once for
//! all, and a connection whose time is up. Only `command` knows the capture, so that all else is tested without one.

#[cfg(feature = "live")]
pub mod command;
pub mod http;
pub mod negotiation;
pub mod shelf;
pub mod teller;

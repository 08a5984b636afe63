//! A what-if as text and as JSON: the same numbers, notes and reasons.
//!
//! [`text`] lays the tables out, [`json`] names the numbers, and both take their sentences from `sentence`.

use super::TraceEnd;
use crate::analysis::whatif::result::WhatIfResult;

pub mod json;
pub(crate) mod sentence;
pub mod text;

/// Everything that the output shows.
#[derive(Clone, Copy, Debug)]
pub struct WhatIfReport<'a> {
    /// Where the trace came from, as the user called it.
    pub source: &'a str,
    /// The numbers.
    pub result: &'a WhatIfResult,
    /// How the trace ends.
    pub end: TraceEnd,
}

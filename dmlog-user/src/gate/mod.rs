//! L3: did the mirror get slower? Two sides of runs, and a verdict that can be trusted.

pub mod statistics;

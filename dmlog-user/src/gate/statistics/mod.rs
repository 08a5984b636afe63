//! The statistics that a verdict rests on, each in a file of its own and tested against values computed with SciPy.
//!
//! | question | answer |
//! | --- | --- |
//! | are two sides of runs different? | [`rank`]: Mann and Whitney's test, exact also with ties |
//! | by how much? | [`shift`]: Hodges and Lehmann's shift, with the interval that inverts the test |
//! | of one run a side? | [`bootstrap`]: slices of time are drawn in blocks, because neighbours are alike |
//! | how sure is a percentile? | [`quantile`]: order statistics |
//! | with many rules at once? | [`holm`] |
//!
//! None of them reads a clock or draws from anything but a seed: the same runs give the same verdict.

pub mod bootstrap;
pub mod holm;
pub mod quantile;
pub mod rank;
pub mod shift;

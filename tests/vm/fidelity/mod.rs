//! The model of a session against real kernels: scenarios are recorded, the trace is folded, and the model must have foreseen
//! every answer of the kernel that it could foresee at all.
//!
//! ```text
//! stage      one recorder, a window of time for each scenario, logs at rest
//! fold       a trace through the models: comparisons of each window, differences, logs at rest
//! plain      what mirrors do day by day
//! failures   legs and log devices that fail, logs that are not what they should be
//! volumes    LVM: volumes that are made, converted, extended and moved under a load
//! ```

mod failures;
mod fold;
mod plain;
mod stage;
mod volumes;

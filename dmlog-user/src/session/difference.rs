//! What a snapshot tells of the models: how much was compared, and where the kernel answered something else.

use serde::Serialize;

use super::Session;
use super::model::finding::{Divergence, Standing};
use super::model::tally::{Comparison, ComparisonRow, Tally};
use super::snapshot::{DeviceSnapshot, name_of};
use crate::event::ids::MonoNs;

/// The models of all logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelSummary {
    /// Answers of the kernel that were compared with a prediction.
    pub compared: u64,
    /// Answers that were not, because the model knew too little.
    pub unknown: u64,
    /// Answers that were not, because something else went on at the same time.
    pub concurrent: u64,
    /// Answers that the model had otherwise and that nothing explains.
    pub divergences: u64,
    /// Answers that the model had otherwise and that something else may explain: [`DifferenceSnapshot::reason`].
    pub unsettled: u64,
    /// Divergences among those that are not listed because there are too many.
    pub divergences_beyond_limit: u64,
    /// Unsettled differences among those.
    pub unsettled_beyond_limit: u64,
    /// Logs that have no model because there are too many of them, or of their regions.
    pub logs_not_modelled: u64,
    /// The differences, in the order of the trace.
    pub differences: Vec<DifferenceSnapshot>,
}

/// The kernel answered something else than the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DifferenceSnapshot {
    /// When the kernel answered.
    pub time_ns: u64,
    /// The mirror, by the name that it has in the snapshot.
    pub device: String,
    /// The log instance.
    pub log: u32,
    /// What was compared: the name of a row of `comparisons`.
    pub comparison: &'static str,
    /// The region, if it is about one.
    pub region: Option<u64>,
    /// What the kernel said.
    pub kernel: String,
    /// What the model had predicted.
    pub model: String,
    /// `none` for a divergence; else what may explain it: `loss`, `log_device`, `end`.
    pub reason: &'static str,
    /// The last events of that log up to this one, oldest first, in the text form.
    pub context: Vec<String>,
}

impl DifferenceSnapshot {
    fn of(divergence: &Divergence, device: String, origin: MonoNs) -> Self {
        let Divergence { time, log, comparison, region, kernel, model, standing, context, .. } = divergence;
        Self {
            time_ns: time.0.saturating_sub(origin.0),
            device,
            log: log.0,
            comparison: comparison.name(),
            region: region.map(|region| region.0),
            kernel: kernel.to_string(),
            model: model.to_string(),
            reason: match standing {
                Standing::Settled => "none",
                Standing::Loss => "loss",
                Standing::LogDevice => "log_device",
                Standing::Open { .. } => "end",
            },
            context: context.clone(),
        }
    }

    /// Whether nothing explains it.
    pub fn is_divergence(&self) -> bool {
        self.reason == "none"
    }
}

impl Session {
    /// The comparisons of the device at a place.
    pub(super) fn comparisons_of(&self, place: usize, tally: &Tally) -> Vec<ComparisonRow> {
        let Some(models) = &self.models else { return Vec::new() };
        // An answer of which it is not decided yet whether something overlaps it is one that cannot be compared yet.
        let mut tally = tally.clone();
        let is_here = |log| self.logs.device_of(log) as usize == place;
        for (_, comparison) in models.undecided().filter(|(log, _)| is_here(*log)) {
            tally.concurrent(comparison);
        }
        tally.rows(|comparison: Comparison| {
            models.findings().count(|found| found.comparison == comparison && is_here(found.log))
        })
    }

    pub(super) fn model_summary(&self, devices: &[DeviceSnapshot]) -> Option<ModelSummary> {
        let models = self.models.as_deref()?;
        let origin = self.window.origin();
        let rows = || devices.iter().flat_map(|device| &device.comparisons);
        let (divergences, unsettled) = models.findings().count(|_| true);
        let (divergences_beyond_limit, unsettled_beyond_limit) = models.findings().beyond_limit();
        let name = |found: &Divergence| name_of(&self.devices[self.logs.device_of(found.log) as usize]);
        Some(ModelSummary {
            compared: rows().map(|row| row.compared).sum(),
            unknown: rows().map(|row| row.unknown).sum(),
            concurrent: rows().map(|row| row.concurrent).sum(),
            divergences: divergences + divergences_beyond_limit,
            unsettled: unsettled + unsettled_beyond_limit,
            divergences_beyond_limit,
            unsettled_beyond_limit,
            logs_not_modelled: models.not_modelled(),
            differences: models
                .findings()
                .kept()
                .iter()
                .map(|found| DifferenceSnapshot::of(found, name(found), origin))
                .collect(),
        })
    }
}

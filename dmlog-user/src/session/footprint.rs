//! How much memory a session takes, about: what a keyframe costs.

use super::Session;
use super::device::Device;

/// The table of bios under way, once there was one.
const OUTSTANDING_BYTES: usize = 2 << 20;

/// Distributions and latest flushes of a device that has events.
const DEVICE_BYTES: usize = 3 << 19;

/// Counters of one region, and its place in the index.
const REGION_BYTES: usize = 80;

impl Session {
    /// About how much memory it takes, in bytes: right within a factor of two for sessions that matter.
    pub fn footprint_bytes(&self) -> usize {
        let Self { window: _, logs, devices, outstanding: _, losses: _, models, .. } = self;
        OUTSTANDING_BYTES
            + logs.footprint_bytes()
            + devices.iter().map(of_device).sum::<usize>()
            + models.as_ref().map_or(0, |models| models.footprint_bytes())
    }
}

fn of_device(device: &Device) -> usize {
    let regions: usize = device.targets().iter().map(|target| target.regions.tracked()).sum();
    let device_bytes = if device.ops.events() > 0 { DEVICE_BYTES } else { size_of::<Device>() };
    device_bytes + regions * REGION_BYTES
}

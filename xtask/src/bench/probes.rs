//! `bench probes`: what one traced call costs, in guest instructions, beside libbpf-tools `funclatency` in the same boot.

use anyhow::{Result, bail};

use crate::bench::report::Report;

/// Boots the kernel with counted instructions and runs the workload untraced, traced, and under the peer.
pub(crate) fn measure(kernel: &str) -> Result<Report> {
    bail!("bench `probes` has no measurement on kernel {kernel} yet")
}

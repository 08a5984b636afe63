//! Questions that anybody asks BPF maps, by the kernel's tracing of system calls, in an instance of its own.

use std::fs;
use std::path::Path;

use super::{read, write_text};

const INSTANCE: &str = "/sys/kernel/tracing/instances/dmlogmaps";
const EVENT: &str = "events/syscalls/sys_enter_bpf";
/// `BPF_MAP_LOOKUP_ELEM` to `BPF_MAP_GET_NEXT_KEY`.
const FILTER: &str = "cmd >= 1 && cmd <= 4";

/// Records such calls until it is dropped.
#[derive(Debug)]
pub(crate) struct MapCalls;

impl MapCalls {
    pub(crate) fn start() -> Self {
        // Of a test that was killed; usually there is none.
        let _ = fs::remove_dir(INSTANCE);
        fs::create_dir(INSTANCE).unwrap_or_else(|error| panic!("`{INSTANCE}`: {error}"));
        let calls = Self;
        let event = Path::new(INSTANCE).join(EVENT);
        write_text(event.join("filter"), FILTER);
        write_text(event.join("enable"), "1");
        calls
    }

    /// Those so far, as the kernel writes them.
    #[expect(clippy::unused_self, reason = "only while it records")]
    pub(crate) fn so_far(&self) -> Vec<String> {
        let trace = read(Path::new(INSTANCE).join("trace"));
        trace.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }
}

impl Drop for MapCalls {
    fn drop(&mut self) {
        let _ = fs::write(Path::new(INSTANCE).join(EVENT).join("enable"), "0");
        let _ = fs::remove_dir(INSTANCE);
    }
}

//! What a row of bits says in its text, as JSON; the bits themselves have their own column.

use serde::{Deserialize, Serialize};

use crate::event::bits::{Bits, LogState};

/// The text of a row of bits. Unknown fields of a newer version are ignored.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BitsRow {
    region_count: Option<u64>,
    cut: bool,
    state: Option<StateRow>,
}

/// A log's state within it.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "five independent flags of the kernel's structure")]
struct StateRow {
    sync_count: u64,
    sync_search: i32,
    touched_dirtied: bool,
    touched_cleaned: bool,
    flush_failed: bool,
    log_device_failed: bool,
    log_device_flush_failed: bool,
}

impl From<&Bits> for BitsRow {
    fn from(bits: &Bits) -> Self {
        let Bits { bitset: _, first: _, regions: _, region_count, is_cut, words: _, state } = bits;
        Self { region_count: *region_count, cut: *is_cut, state: state.as_ref().map(StateRow::from) }
    }
}

impl From<&LogState> for StateRow {
    fn from(state: &LogState) -> Self {
        let LogState {
            sync_count,
            sync_search,
            touched_dirtied,
            touched_cleaned,
            flush_failed,
            log_device_failed,
            log_device_flush_failed,
        } = *state;
        Self {
            sync_count,
            sync_search,
            touched_dirtied,
            touched_cleaned,
            flush_failed,
            log_device_failed,
            log_device_flush_failed,
        }
    }
}

impl BitsRow {
    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        // Numbers and flags always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The row in a text; `None` if it is none.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Region count, whether the bitset is cut, and the state of the log.
    pub(crate) fn into_parts(self) -> (Option<u64>, bool, Option<LogState>) {
        let state = self.state.map(|state| LogState {
            sync_count: state.sync_count,
            sync_search: state.sync_search,
            touched_dirtied: state.touched_dirtied,
            touched_cleaned: state.touched_cleaned,
            flush_failed: state.flush_failed,
            log_device_failed: state.log_device_failed,
            log_device_flush_failed: state.log_device_flush_failed,
        });
        (self.region_count, self.cut, state)
    }
}

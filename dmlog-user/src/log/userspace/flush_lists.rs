//! `mark_list` and `clear_list`: what waits for the next flush, in the kernel's odd orders.
//!
//! ```text
//! mark 1, mark 2, mark 3      list_add at the head       3 2 1
//! sent as a group             from the head on           [3 2 1], at most 32
//! moved as it is sent         list_move to a head        1 2 3
//! ```

use std::collections::VecDeque;

use super::wire::GROUP_REGIONS_MAX;
use crate::event::ids::Region;

/// Regions in the order in which they would be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlushList(VecDeque<Region>);

impl FlushList {
    /// `list_add`: at the head, so the latest is sent first.
    pub(crate) fn add(&mut self, region: Region) {
        self.0.push_front(region);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `list_splice_init`: the list moves away and is empty.
    pub(crate) fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }

    /// The next group, moved one by one to the head of `sent`.
    pub(crate) fn next_group(&mut self, sent: &mut Self) -> Option<Vec<Region>> {
        //= linux v6.12 drivers/md/dm-log-userspace-base.c flush_by_group
        //= `list_move(&fe->list, &tmp_list); … if (count >= MAX_FLUSH_GROUP_COUNT) break;`
        let count = self.0.len().min(GROUP_REGIONS_MAX);
        let group: Vec<Region> = self.0.drain(..count).collect();
        for region in &group {
            sent.add(*region);
        }
        (!group.is_empty()).then_some(group)
    }

    /// `list_splice_init(&tmp_list, flush_list)`: what was sent, in every group so far, before what was not.
    pub(crate) fn splice(&mut self, sent: &mut Self) {
        let rest = std::mem::replace(&mut self.0, std::mem::take(&mut sent.0));
        self.0.extend(rest);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Region> + '_ {
        self.0.iter().copied()
    }
}

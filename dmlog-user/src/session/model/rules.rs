//! Which rules the model follows: the kernel's, or on purpose a wrong one.
//!
//! A comparison that never fails proves nothing. Tests give the model one wrong rule at a time and demand that the
//! comparisons with real kernels and hand-written scenarios find it; nothing else uses any but [`Rules::Kernel`].

/// What the model believes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rules {
    /// What dm-log.c and dm-region-hash.c do.
    #[default]
    Kernel,
    /// `get_resync_work` looks from the first region every time; the kernel goes on where it stopped.
    SearchStartsOver,
    /// `clear_region` works after a flush of the legs has failed; the kernel ignores it for the life of the table.
    ClearWorksAfterFailedFlush,
    /// A bit that changes in `recovering_bits` does not set the touched flags; in the kernel every bit does.
    RecoveringDoesNotTouch,
    /// `set_region_sync` counts only a bit that changes; the kernel counts every region that is set in sync.
    SyncCountOfChanges,
    /// A dirty region is out of sync; in the kernel the one does not concern the other.
    MarkLosesSync,
    /// A core log begins anew when it is resumed; the kernel only lets its search begin again.
    CoreResumeLosesSync,
    /// Every flush that does I/O is for marks: a disk log that was only cleaned is not flushed.
    ClearDoesNotTouch,
    /// Every write marks its region; the kernel marks a region only when it becomes dirty.
    EveryWriteMarks,
}

impl Rules {
    /// Every wrong rule.
    pub const WRONG: [Self; 8] = [
        Self::SearchStartsOver,
        Self::ClearWorksAfterFailedFlush,
        Self::RecoveringDoesNotTouch,
        Self::SyncCountOfChanges,
        Self::MarkLosesSync,
        Self::CoreResumeLosesSync,
        Self::ClearDoesNotTouch,
        Self::EveryWriteMarks,
    ];
}

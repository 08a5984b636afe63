//! Bits and flags as the kernel's memory had them, taken over and compared.

use super::{Known, KnownBits};
use crate::event::bits::{Bits, Bitset, LogState};
use crate::event::ids::Region;
use crate::log::region_set::RegionSet;
use crate::session::model::finding::Answer;

/// Regions in a word of a set.
const WORD_REGIONS: u64 = 64;

/// What came of a part of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::session::model) struct Compared {
    /// Something of it was known before.
    pub(in crate::session::model) was_known: bool,
    /// The first thing that was known otherwise: region, kernel, model.
    pub(in crate::session::model) different: Option<(Option<Region>, Answer, Answer)>,
}

impl Compared {
    fn flag(&mut self, kernel: bool, model: Option<bool>) {
        let Some(model) = model else { return };
        self.was_known = true;
        if kernel != model && self.different.is_none() {
            self.different = Some((None, Answer::Happened(kernel), Answer::Happened(model)));
        }
    }
}

impl KnownBits {
    /// Compares a part of a bitset with what is known, and takes it over, but for regions in `skip`: these may have changed while
    /// it was read. `None` if it could not be read.
    pub(in crate::session::model) fn take_part(&mut self, part: &Bits, skip: &[Region]) -> Option<Compared> {
        part.words.as_ref()?;
        self.occupied.change_many();
        let mut compared = Compared::default();
        let recovering_known = self.known.has(Known::RECOVERING);
        let end = part.first.0.saturating_add(u64::from(part.regions)).min(self.region_count());
        let mut at = part.first.0;
        while at < end {
            let word = (at / WORD_REGIONS).min(u64::from(u32::MAX));
            let (set, known) = match part.bitset {
                Bitset::Clean => (&mut self.bits.clean, Some(&mut self.clean_known)),
                Bitset::InSync => (&mut self.bits.in_sync, Some(&mut self.sync_known)),
                Bitset::Recovering => (&mut self.bits.recovering, None),
            };
            let word_end = ((word + 1) * WORD_REGIONS).min(end);
            if is_same(part, at, set, known.as_deref(), word)
                && skip.is_empty()
                && (known.is_some() || recovering_known)
            {
                compared.was_known = true;
            } else {
                let known = known.map_or(Sets::All(recovering_known), Sets::Some);
                take_word(part, at..word_end, set, known, skip, &mut compared);
            }
            at = word_end;
        }
        if part.bitset == Bitset::Recovering && skip.is_empty() && part.first.0 == 0 && end == self.region_count() {
            self.known.add(Known::RECOVERING);
        }
        Some(compared)
    }

    /// Compares the log's numbers and flags with what is known, and takes them over. No call of the worker may have run
    /// meanwhile but a flush that is not told yet.
    pub(in crate::session::model) fn take_state(&mut self, state: &LogState) -> Compared {
        let LogState { sync_count, sync_search, touched_dirtied, touched_cleaned, flush_failed, .. } = *state;
        let mut compared = Compared::default();
        if let Some(model) = self.sync_count() {
            compared.was_known = true;
            if model != sync_count {
                compared.different = Some((None, Answer::Regions(sync_count), Answer::Regions(model)));
            }
        }
        let search = u64::from(sync_search.cast_unsigned());
        if self.known.has(Known::SEARCH) {
            compared.was_known = true;
            // A search that is over may stand at the end or behind it.
            let is_over = |search: u64| self.region_count() <= search;
            let is_same = search == self.bits.sync_search || is_over(search) && is_over(self.bits.sync_search);
            if !is_same && compared.different.is_none() {
                let answers = (Answer::Regions(search), Answer::Regions(self.bits.sync_search));
                compared.different = Some((None, answers.0, answers.1));
            }
        }
        compared.flag(flush_failed, self.flush_failed());
        // A flush that runs may reset these after they were read: only that they are set is certain.
        if touched_dirtied {
            compared.flag(true, self.touched_dirtied());
            self.bits.touched_dirtied = true;
            self.known.add(Known::TOUCHED_DIRTIED);
        }
        if touched_cleaned {
            compared.flag(true, self.touched_cleaned());
            self.bits.touched_cleaned = true;
            self.touch_cleaned();
        }
        self.bits.flush_failed = flush_failed;
        self.bits.sync_search = search;
        self.known.add(Known::SEARCH | Known::FLUSH_FAILED);
        self.adopt_sync_count(sync_count);
        compared
    }
}

/// Which regions of a set are known.
enum Sets<'a> {
    Some(&'a mut RegionSet),
    /// All, or none.
    All(bool),
}

/// Whether a whole word is known and as it should be.
fn is_same(part: &Bits, at: u64, set: &RegionSet, known: Option<&RegionSet>, word: u64) -> bool {
    let place = usize::try_from(word).unwrap_or(usize::MAX);
    let in_part = usize::try_from((at - part.first.0) / WORD_REGIONS).unwrap_or(usize::MAX);
    let kernel = part.words.as_ref().map_or(0, |words| words.get(in_part).copied().unwrap_or(0));
    let of = |set: &RegionSet| set.words().get(place).copied();
    at.is_multiple_of(WORD_REGIONS) && of(set) == Some(kernel) && known.is_none_or(|known| of(known) == Some(u64::MAX))
}

fn take_word(
    part: &Bits,
    regions: std::ops::Range<u64>,
    set: &mut RegionSet,
    mut known: Sets<'_>,
    skip: &[Region],
    compared: &mut Compared,
) {
    for region in regions.map(Region).filter(|region| !skip.contains(region)) {
        let Some(kernel) = part.get(region) else { continue };
        let was_known = match &known {
            Sets::Some(known) => known.get(region),
            Sets::All(known) => *known,
        };
        if was_known {
            compared.was_known = true;
            let model = set.get(region);
            if model != kernel && compared.different.is_none() {
                let answer = |bit| match part.bitset {
                    Bitset::Clean => Answer::Clean(bit),
                    Bitset::InSync => Answer::InSync(bit),
                    Bitset::Recovering => Answer::Happened(bit),
                };
                compared.different = Some((Some(region), answer(kernel), answer(model)));
            }
        }
        if kernel {
            set.insert(region);
        } else {
            set.remove(region);
        }
        if let Sets::Some(known) = &mut known {
            known.insert(region);
        }
    }
}

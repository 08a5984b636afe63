use super::{ANY, CLEAN, DIRTY, NOSYNC, PENDING_UNKNOWN, RECOVERING, RegionHash, Verdict};
use crate::event::ids::Region;
use crate::session::model::rules::Rules;

const R: Region = Region(1);
const IN_SYNC: Option<bool> = Some(true);

fn new() -> RegionHash {
    RegionHash::new(4, true, Rules::Kernel)
}

/// The states that a region may be in, by an answer that cannot be.
fn states(hash: &mut RegionHash, in_sync: Option<bool>) -> u8 {
    hash.clone().get_state(R, in_sync, 0).1
}

#[test]
fn what_is_not_in_the_hash_has_the_state_of_its_log() {
    let mut hash = new();
    assert_eq!([IN_SYNC, Some(false), None].map(|known| states(&mut hash, known)), [CLEAN, NOSYNC, CLEAN | NOSYNC]);
    assert_eq!(hash.get_state(R, IN_SYNC, 1), (Verdict::Equal, CLEAN));
    assert_eq!(hash.get_state(R, None, 1), (Verdict::Unknown, CLEAN | NOSYNC));
    assert_eq!(hash.get_state(Region(4), IN_SYNC, 1).0, Verdict::Unknown, "no such region");
}

#[test]
fn the_life_of_a_write() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    assert_eq!(hash.mark(R, IN_SYNC), Verdict::Equal);
    assert_eq!(hash.flush(), None);
    assert_eq!(hash.get_state(R, IN_SYNC, 2), (Verdict::Equal, DIRTY));
    hash.dec_pending(R);
    assert_eq!(hash.get_state(R, IN_SYNC, 2), (Verdict::Concurrent, DIRTY | CLEAN), "its effect may be to come");
    assert_eq!(hash.get_state(R, IN_SYNC, 1).0, Verdict::Concurrent);
    assert_eq!(hash.get_state(R, IN_SYNC, 2), (Verdict::Different, CLEAN), "once clean it does not go back");
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    assert_eq!(hash.mark(R, IN_SYNC), Verdict::Equal);
    hash.flush();
    hash.dec_pending(R);
    assert_eq!(hash.clear(R, IN_SYNC), (Verdict::Equal, DIRTY | CLEAN, 0));
    assert_eq!(hash.clear(R, IN_SYNC).0, Verdict::Different, "it is not in the hash any more");
}

#[test]
fn a_clear_while_a_write_is_pending_is_none() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    hash.inc_pending(R, IN_SYNC);
    hash.mark(R, IN_SYNC);
    hash.dec_pending(R);
    assert_eq!(hash.clear(R, IN_SYNC), (Verdict::Different, DIRTY, 1));
}

#[test]
fn a_mark_that_does_not_come_before_the_flush_is_missing() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    hash.inc_pending(Region(2), IN_SYNC);
    hash.mark(R, IN_SYNC);
    assert_eq!(hash.flush(), Some(Region(2)));
    assert_eq!(hash.flush(), None, "told once");
}

#[test]
fn a_mark_of_a_dirty_region_is_none() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    hash.mark(R, IN_SYNC);
    hash.flush();
    hash.inc_pending(R, IN_SYNC);
    assert_eq!(hash.mark(R, IN_SYNC), Verdict::Different);
}

/// `dm_rh_inc_pending` is seen at its entry: a write that ends before the increment has its effect makes the region clean
/// once more, and the increment marks it.
#[test]
fn a_write_that_ends_while_others_are_handed_over_may_make_a_mark() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    hash.mark(R, IN_SYNC);
    hash.flush();
    hash.inc_pending(R, IN_SYNC);
    hash.dec_pending(R);
    assert_eq!(hash.mark(R, IN_SYNC), Verdict::Concurrent);
    hash.flush();
    assert_eq!(hash.get_state(R, IN_SYNC, 2), (Verdict::Equal, DIRTY));
}

#[test]
fn more_ends_than_begins_are_writes_that_were_not_seen() {
    let mut hash = new();
    hash.dec_pending(R);
    assert_eq!(states(&mut hash, IN_SYNC), ANY);
    assert_eq!(hash.clear(R, IN_SYNC).0, Verdict::Unknown);
    assert_eq!(hash.mark(R, IN_SYNC), Verdict::Unknown, "the write that marks it was not seen");
    hash.dec_pending(R);
    assert_eq!(hash.get(R).pending, PENDING_UNKNOWN);
    assert_eq!(hash.get_state(R, IN_SYNC, 1).0, Verdict::Concurrent);
}

#[test]
fn recovery_takes_a_region_out_of_the_hash() {
    let mut hash = new();
    hash.recover(R);
    assert_eq!(hash.get_state(R, Some(false), 8), (Verdict::Equal, RECOVERING));
    assert_eq!(hash.clear(R, Some(false)).0, Verdict::Equal);
    hash.set_region_sync(R, true);
    assert_eq!(states(&mut hash, IN_SYNC), CLEAN);
    hash.recover(R);
    hash.set_region_sync(R, false);
    assert_eq!(states(&mut hash, IN_SYNC), NOSYNC, "a leg has failed");
}

#[test]
fn once_a_flush_request_has_failed_a_region_may_become_nosync_when_its_last_write_ends() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    hash.mark(R, IN_SYNC);
    hash.flush();
    hash.dec_pending(R);
    hash.mark_nosync(Some(Region(3)));
    hash.settle_mark_nosync();
    assert_eq!(hash.get_state(R, IN_SYNC, 4).0, Verdict::Concurrent, "the end may have had its effect after that");
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    hash.mark(R, IN_SYNC);
    hash.flush();
    hash.mark_nosync(Some(R));
    hash.set_region_sync(R, false);
    hash.settle_mark_nosync();
    assert_eq!(hash.get_state(R, IN_SYNC, 4), (Verdict::Equal, NOSYNC), "a write, of which the log was told");
    hash.inc_pending(Region(2), IN_SYNC);
    hash.mark(Region(2), IN_SYNC);
    hash.flush();
    hash.dec_pending(Region(2));
    assert_eq!(hash.get_state(Region(2), IN_SYNC, 4).0, Verdict::Different);
}

#[test]
fn what_is_forgotten_stays_so_for_any_number_of_losses() {
    let mut hash = new();
    hash.inc_pending(R, IN_SYNC);
    for _ in 0..1000 {
        hash.forget();
        assert_eq!(states(&mut hash, IN_SYNC), ANY);
    }
    hash.mark(R, IN_SYNC);
    assert_eq!(states(&mut hash, IN_SYNC), DIRTY | NOSYNC, "a flush request may have failed");
}

#[test]
fn a_log_that_is_read_anew_changes_what_is_not_in_the_hash() {
    let mut hash = new();
    hash.log_was_read_anew();
    assert_eq!(states(&mut hash, IN_SYNC), CLEAN, "nothing has happened yet");
    hash.set_region_sync(R, true);
    hash.log_was_read_anew();
    assert_eq!(states(&mut hash, IN_SYNC), ANY);
}

#[test]
fn a_clean_end_proves_that_no_flush_request_had_failed() {
    let mut hash = RegionHash::new(4, false, Rules::Kernel);
    hash.mark(R, IN_SYNC);
    assert_eq!(states(&mut hash, IN_SYNC), DIRTY | NOSYNC);
    hash.dec_pending(R);
    hash.clear(R, IN_SYNC);
    hash.inc_pending(R, IN_SYNC);
    hash.mark(R, IN_SYNC);
    assert_eq!(hash.get_state(R, IN_SYNC, 2), (Verdict::Equal, DIRTY));
}

//! What an event says of success and failure, by its numbers alone.
//!
//! One look-up and one comparison for every event of a replay, of which nearly all tell of nothing; [`failures`](super::failures)
//! then looks closer at those that do.

use dmlog_common::record::kind;

use crate::event::call::{CODES, Call};

/// The kernel's EWOULDBLOCK. `in_sync` answers it whenever it may not block and a userspace log would have to be asked;
/// that is no error.
const EWOULDBLOCK: i64 = 11;

/// The result is not 0.
const RESULT: u8 = 1;
/// The result is negative.
const NEGATIVE: u8 = 1 << 1;
/// The argument is not 0.
const ARG: u8 = 1 << 2;
/// The argument is 0.
const NO_ARG: u8 = 1 << 3;
/// Always.
const ALWAYS: u8 = 1 << 4;

/// When an operation failed, and when it tells of something that has failed.
#[derive(Clone, Copy)]
struct Rule {
    fails: u8,
    tells: u8,
}

const fn rule(code: u16) -> Rule {
    let (fails, tells) = match code {
        kind::FLUSH
        | kind::RESUME
        | kind::RH_FLUSH
        | kind::LEG_FLUSH
        | kind::END_IO
        | kind::WRITE_CALLBACK
        | kind::READ_CALLBACK => (RESULT, RESULT),
        kind::RECOVERY_COMPLETE => (RESULT | ARG, RESULT | ARG),
        kind::CTR | kind::PRESUSPEND | kind::POSTSUSPEND | kind::MIRROR_CTR | kind::CONSULT => (RESULT, 0),
        kind::IN_SYNC
        | kind::IS_CLEAN
        | kind::GET_RESYNC_WORK
        | kind::STATUS
        | kind::IS_REMOTE_RECOVERING
        | kind::RH_GET_STATE => (NEGATIVE, 0),
        kind::RH_RECOVERY_END => (NO_ARG, 0),
        kind::SET_REGION_SYNC => (0, NO_ARG),
        kind::RH_MARK_NOSYNC | kind::FAIL_MIRROR | kind::HOLD_BIO => (0, ALWAYS),
        _ => (0, 0),
    };
    Rule { fails, tells }
}

static RULES: [Rule; CODES] = {
    let mut rules = [Rule { fails: 0, tells: 0 }; CODES];
    let mut code = 0;
    while code < CODES {
        #[expect(clippy::cast_possible_truncation, reason = "below 128")]
        let number = code as u16;
        rules[code] = rule(number);
        code += 1;
    }
    rules
};

/// From which result on, without its sign, an event may say more than nothing. Lets a few too many through, never too few.
static LOOK_FROM: [u64; CODES] = {
    let mut from = [u64::MAX; CODES];
    let mut code = 0;
    while code < CODES {
        let Rule { fails, tells } = RULES[code];
        from[code] = match fails | tells {
            0 => u64::MAX,
            NEGATIVE => 1 << 63,
            RESULT => 1,
            _ => 0,
        };
        code += 1;
    }
    from
};

/// What an event says of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The operation failed.
    pub(crate) failed: bool,
    /// It tells of something that has failed, itself or not.
    pub(crate) tells: bool,
}

impl Outcome {
    /// What this event says.
    #[inline]
    pub(crate) fn of(call: &Call) -> Self {
        if call.result.cast_unsigned() < LOOK_FROM[usize::from(call.code) % CODES] {
            return Self { failed: false, tells: false };
        }
        Self::exactly(call)
    }

    #[inline(never)]
    fn exactly(call: &Call) -> Self {
        let Rule { fails, tells } = RULES[usize::from(call.code) % CODES];
        let is = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let facts = ALWAYS
            | is(call.result != 0, RESULT)
            | is(call.result < 0, NEGATIVE)
            | if call.arg == 0 { NO_ARG } else { ARG };
        let would_block = u16::from(call.code) == kind::IN_SYNC && call.result == -EWOULDBLOCK;
        Self { failed: fails & facts != 0 && !would_block, tells: tells & facts != 0 }
    }
}

//! The rules that safety hangs on, by name, so that a test can break one and see what happens.

/// One rule. The module documentation of [`super`] says what each is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A region that a node had marked when it went is out of sync until it was recovered.
    MarksOfTheDeadStay,
    /// A clear makes a region clean only if nobody else has it marked.
    ClearNeedsNoOtherMark,
    /// A flush is answered when every member has the marks.
    FlushWaitsForEverybody,
    /// A region is not handed out for recovery while another node may be writing to it, and a write to it waits while
    /// another node recovers it.
    RecoveryWaitsForWriters,
    /// A node without quorum claims nothing.
    NoClaimWithoutQuorum,
    /// A joiner applies what was delivered while its checkpoint was under way.
    JoinersCatchUp,
}

/// The rules in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    broken: Option<Rule>,
}

impl Rules {
    /// All of them.
    pub const SAFE: Self = Self { broken: None };

    /// All but one: loses data. For tests that want to see it.
    #[doc(hidden)]
    pub const fn without(rule: Rule) -> Self {
        Self { broken: Some(rule) }
    }

    /// Whether this one is in force.
    pub(crate) fn keep(self, rule: Rule) -> bool {
        self.broken != Some(rule)
    }
}

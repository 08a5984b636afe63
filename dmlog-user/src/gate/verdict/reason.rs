//! Why two sides cannot be compared.

/// What is wrong. Each can be allowed by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// Events were lost.
    Lost,
    /// A trace has no end: its recorder was killed, or the disk was full.
    Torn,
    /// The kernel answered otherwise than the model of its logs, so events are missing or wrong.
    Divergence,
    /// A clock jumped.
    Clock,
    /// Other hooks were probed, or other things recorded.
    Coverage,
    /// The same hooks were probed in another way.
    ProbeKind,
    /// Another kernel.
    Kernel,
    /// Another machine: its type or its number of processors.
    Machine,
    /// A mirror has another log type.
    LogType,
    /// A mirror has another region size.
    RegionSize,
    /// A mirror has another number of legs or of sectors.
    Shape,
    /// One side has a mirror that the other does not have.
    Devices,
    /// A rule has too few durations, events or runs to decide.
    Samples,
}

/// Every kind by its name.
pub const REASONS: [(&str, ReasonKind); 13] = [
    ("lost", ReasonKind::Lost),
    ("torn", ReasonKind::Torn),
    ("divergence", ReasonKind::Divergence),
    ("clock", ReasonKind::Clock),
    ("coverage", ReasonKind::Coverage),
    ("probe_kind", ReasonKind::ProbeKind),
    ("kernel", ReasonKind::Kernel),
    ("machine", ReasonKind::Machine),
    ("log_type", ReasonKind::LogType),
    ("region_size", ReasonKind::RegionSize),
    ("shape", ReasonKind::Shape),
    ("devices", ReasonKind::Devices),
    ("samples", ReasonKind::Samples),
];

impl ReasonKind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        REASONS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// How it is allowed.
    pub fn name(self) -> &'static str {
        REASONS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// All names, for messages.
    pub fn names() -> String {
        REASONS.map(|(name, _)| name).join(", ")
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What.
    pub kind: ReasonKind,
    /// A sentence, with what is where.
    pub text: String,
    /// It was allowed, and changes nothing.
    pub is_allowed: bool,
}

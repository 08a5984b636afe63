//! The few messages of Perfetto's protocol that are written here, declared by hand: numbers and types are those of
//! `protos/perfetto/trace` in its repository, which are never reused.
//!
//! What comes once (facts, names, tracks) is encoded by `prost`. Events are written by [`packet`](super::packet), which knows the same
//! numbers; a test decodes what it writes by these messages.

/// `TracePacket.SequenceFlags`: what was interned before on this sequence is void.
pub const SEQ_INCREMENTAL_STATE_CLEARED: u32 = 1;
/// `TracePacket.SequenceFlags`: the packet needs what was interned before.
pub const SEQ_NEEDS_INCREMENTAL_STATE: u32 = 2;
/// The only sequence: nothing here has threads.
pub const SEQUENCE: u32 = 1;
/// `BuiltinClock.REALTIME`.
pub const CLOCK_REALTIME: u32 = 1;
/// `BuiltinClock.MONOTONIC`.
pub const CLOCK_MONOTONIC: u32 = 3;
/// `TrackDescriptor.ChildTracksOrdering.EXPLICIT`: by `sibling_order_rank`.
pub const ORDER_EXPLICIT: i32 = 3;

/// A whole file. Files are written packet by packet, each as one of these.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Trace {
    /// Packets.
    #[prost(message, repeated, tag = "1")]
    pub packet: Vec<TracePacket>,
}

/// One packet.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TracePacket {
    /// Clocks read at the same time.
    #[prost(message, optional, tag = "6")]
    pub clock_snapshot: Option<ClockSnapshot>,
    /// In nanoseconds of the default clock of the sequence.
    #[prost(uint64, optional, tag = "8")]
    pub timestamp: Option<u64>,
    /// [`SEQUENCE`].
    #[prost(uint32, optional, tag = "10")]
    pub trusted_packet_sequence_id: Option<u32>,
    /// Something that happened.
    #[prost(message, optional, tag = "11")]
    pub track_event: Option<TrackEvent>,
    /// Names by number.
    #[prost(message, optional, tag = "12")]
    pub interned_data: Option<InternedData>,
    /// Flags.
    #[prost(uint32, optional, tag = "13")]
    pub sequence_flags: Option<u32>,
    /// The machine.
    #[prost(message, optional, tag = "45")]
    pub system_info: Option<SystemInfo>,
    /// What packets have that do not say otherwise.
    #[prost(message, optional, tag = "59")]
    pub trace_packet_defaults: Option<TracePacketDefaults>,
    /// A track.
    #[prost(message, optional, tag = "60")]
    pub track_descriptor: Option<TrackDescriptor>,
}

/// Something that happened on a track.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TrackEvent {
    /// Category by number.
    #[prost(uint64, repeated, packed = "false", tag = "3")]
    pub category_iids: Vec<u64>,
    /// Arguments.
    #[prost(message, repeated, tag = "4")]
    pub debug_annotations: Vec<DebugAnnotation>,
    /// 1 begin of a slice, 2 its end, 3 instant, 4 counter.
    #[prost(int32, optional, tag = "9")]
    pub kind: Option<i32>,
    /// Name by number.
    #[prost(uint64, optional, tag = "10")]
    pub name_iid: Option<u64>,
    /// Its track.
    #[prost(uint64, optional, tag = "11")]
    pub track_uuid: Option<u64>,
    /// Value of a counter.
    #[prost(int64, optional, tag = "30")]
    pub counter_value: Option<i64>,
    /// Flows that come through here.
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    pub flow_ids: Vec<u64>,
    /// Flows that end here.
    #[prost(fixed64, repeated, packed = "false", tag = "48")]
    pub terminating_flow_ids: Vec<u64>,
}

/// An argument: a name, by number or not, and one of the values.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct DebugAnnotation {
    /// Name by number.
    #[prost(uint64, optional, tag = "1")]
    pub name_iid: Option<u64>,
    /// A number without sign.
    #[prost(uint64, optional, tag = "3")]
    pub uint_value: Option<u64>,
    /// A number.
    #[prost(int64, optional, tag = "4")]
    pub int_value: Option<i64>,
    /// A text.
    #[prost(string, optional, tag = "6")]
    pub string_value: Option<String>,
    /// Name.
    #[prost(string, optional, tag = "10")]
    pub name: Option<String>,
    /// Values with names.
    #[prost(message, repeated, tag = "11")]
    pub dict_entries: Vec<DebugAnnotation>,
    /// Values without.
    #[prost(message, repeated, tag = "12")]
    pub array_values: Vec<DebugAnnotation>,
}

/// Names by number.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct InternedData {
    /// Of categories.
    #[prost(message, repeated, tag = "1")]
    pub event_categories: Vec<Interned>,
    /// Of events.
    #[prost(message, repeated, tag = "2")]
    pub event_names: Vec<Interned>,
    /// Of arguments.
    #[prost(message, repeated, tag = "3")]
    pub debug_annotation_names: Vec<Interned>,
}

/// `EventName`, `EventCategory` and `DebugAnnotationName` are the same.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Interned {
    /// The number.
    #[prost(uint64, optional, tag = "1")]
    pub iid: Option<u64>,
    /// The name.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
}

/// Defaults of a sequence.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TracePacketDefaults {
    /// Clock of its timestamps.
    #[prost(uint32, optional, tag = "58")]
    pub timestamp_clock_id: Option<u32>,
}

/// Clocks read at the same time.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ClockSnapshot {
    /// The clocks.
    #[prost(message, repeated, tag = "1")]
    pub clocks: Vec<Clock>,
    /// The one that all times are shown in.
    #[prost(uint32, optional, tag = "2")]
    pub primary_trace_clock: Option<u32>,
}

/// One clock.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Clock {
    /// Which.
    #[prost(uint32, optional, tag = "1")]
    pub clock_id: Option<u32>,
    /// Nanoseconds.
    #[prost(uint64, optional, tag = "2")]
    pub timestamp: Option<u64>,
}

/// The machine.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct SystemInfo {
    /// `uname`.
    #[prost(message, optional, tag = "1")]
    pub utsname: Option<Utsname>,
    /// CPUs.
    #[prost(uint32, optional, tag = "8")]
    pub num_cpus: Option<u32>,
}

/// `uname`.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Utsname {
    /// `uname -s`.
    #[prost(string, optional, tag = "1")]
    pub sysname: Option<String>,
    /// `uname -v`.
    #[prost(string, optional, tag = "2")]
    pub version: Option<String>,
    /// `uname -r`.
    #[prost(string, optional, tag = "3")]
    pub release: Option<String>,
    /// `uname -m`.
    #[prost(string, optional, tag = "4")]
    pub machine: Option<String>,
}

/// A track.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TrackDescriptor {
    /// Its number, unique in the file.
    #[prost(uint64, optional, tag = "1")]
    pub uuid: Option<u64>,
    /// Its name.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// The track above it.
    #[prost(uint64, optional, tag = "5")]
    pub parent_uuid: Option<u64>,
    /// If it is one of numbers over time.
    #[prost(message, optional, tag = "8")]
    pub counter: Option<CounterDescriptor>,
    /// In which order the tracks below it are shown.
    #[prost(int32, optional, tag = "11")]
    pub child_ordering: Option<i32>,
    /// Where it is shown among its siblings.
    #[prost(int32, optional, tag = "12")]
    pub sibling_order_rank: Option<i32>,
    /// What it is.
    #[prost(string, optional, tag = "14")]
    pub description: Option<String>,
}

/// A track of numbers.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct CounterDescriptor {
    /// What is counted.
    #[prost(string, optional, tag = "6")]
    pub unit_name: Option<String>,
}

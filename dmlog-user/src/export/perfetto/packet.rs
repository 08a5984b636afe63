//! Events as bytes, written straight into a buffer: one packet is some 30 bytes, and building a message for each would cost several times
//! what writing it does.
//!
//! ```text
//! 0a LEN packet { 08 time, 10 sequence, 13 flags, 11 LEN event { type, track, name, category, flows, arguments } }
//! ```

use prost::encoding::encode_varint;

use super::names::{Category, Key, Name};
use super::proto::{SEQ_NEEDS_INCREMENTAL_STATE, SEQUENCE};

/// What an event is, `TrackEvent.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A slice begins.
    Begin,
    /// The last slice that has begun on the track ends.
    End,
    /// A moment.
    Instant,
    /// A counter has this value from now on.
    Counter(i64),
}

/// What every event has.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub time: u64,
    /// Its track.
    pub track: u64,
    /// What it is.
    pub what: What,
}

/// The rest of an event, under way.
#[derive(Debug)]
pub struct Body<'a>(&'a mut Vec<u8>);

/// Tags: field number times eight, and the wire type.
mod tag {
    /// `Trace.packet`.
    pub(super) const PACKET: u8 = (1 << 3) | 2;
    /// `TracePacket.timestamp`.
    pub(super) const TIMESTAMP: u8 = 8 << 3;
    /// `TracePacket.trusted_packet_sequence_id`.
    pub(super) const SEQUENCE_ID: u8 = 10 << 3;
    /// `TracePacket.sequence_flags`.
    pub(super) const SEQUENCE_FLAGS: u8 = 13 << 3;
    /// `TracePacket.track_event`.
    pub(super) const TRACK_EVENT: u8 = (11 << 3) | 2;
    /// `TrackEvent.category_iids`.
    pub(super) const CATEGORY: u8 = 3 << 3;
    /// `TrackEvent.debug_annotations`.
    pub(super) const ANNOTATION: u8 = (4 << 3) | 2;
    /// `TrackEvent.type`.
    pub(super) const TYPE: u8 = 9 << 3;
    /// `TrackEvent.name_iid`.
    pub(super) const NAME: u8 = 10 << 3;
    /// `TrackEvent.track_uuid`.
    pub(super) const TRACK: u8 = 11 << 3;
    /// `TrackEvent.counter_value`, in two bytes.
    pub(super) const COUNTER_VALUE: u64 = 30 << 3;
    /// `TrackEvent.flow_ids`, in two bytes.
    pub(super) const FLOW: u64 = (47 << 3) | 1;
    /// `TrackEvent.terminating_flow_ids`, in two bytes.
    pub(super) const LAST_FLOW: u64 = (48 << 3) | 1;
    /// `DebugAnnotation.name_iid`.
    pub(super) const KEY: u8 = 1 << 3;
    /// `DebugAnnotation.uint_value`.
    pub(super) const UINT: u8 = 3 << 3;
    /// `DebugAnnotation.int_value`.
    pub(super) const INT: u8 = 4 << 3;
    /// `DebugAnnotation.string_value`.
    pub(super) const TEXT: u8 = (6 << 3) | 2;
}

/// Appends the packet of an event.
#[inline]
pub fn push(out: &mut Vec<u8>, head: Head, rest: impl FnOnce(&mut Body<'_>)) {
    let Head { time, track, what } = head;
    let packet = open(out, tag::PACKET);
    out.push(tag::TIMESTAMP);
    encode_varint(time, out);
    out.push(tag::SEQUENCE_ID);
    encode_varint(SEQUENCE.into(), out);
    out.push(tag::SEQUENCE_FLAGS);
    encode_varint(SEQ_NEEDS_INCREMENTAL_STATE.into(), out);
    let event = open(out, tag::TRACK_EVENT);
    out.push(tag::TYPE);
    out.push(match what {
        What::Begin => 1,
        What::End => 2,
        What::Instant => 3,
        What::Counter(_) => 4,
    });
    out.push(tag::TRACK);
    encode_varint(track, out);
    if let What::Counter(value) = what {
        encode_varint(tag::COUNTER_VALUE, out);
        encode_varint(value.cast_unsigned(), out);
    }
    rest(&mut Body(out));
    close(out, event);
    close(out, packet);
}

impl Body<'_> {
    /// The name and the category.
    #[inline]
    pub fn name(&mut self, name: Name, category: Category) {
        let Self(out) = self;
        out.push(tag::NAME);
        encode_varint(name.0.into(), out);
        out.push(tag::CATEGORY);
        encode_varint(category.iid(), out);
    }

    /// A flow begins here, or comes through.
    pub fn flow(&mut self, id: u64) {
        self.fixed(tag::FLOW, id);
    }

    /// A flow ends here.
    pub fn last_flow(&mut self, id: u64) {
        self.fixed(tag::LAST_FLOW, id);
    }

    fn fixed(&mut self, tag: u64, id: u64) {
        let Self(out) = self;
        encode_varint(tag, out);
        out.extend_from_slice(&id.to_le_bytes());
    }

    /// An argument that is a number without sign.
    #[inline]
    pub fn uint(&mut self, key: Key, value: u64) {
        self.annotation(key, |out| {
            out.push(tag::UINT);
            encode_varint(value, out);
        });
    }

    /// The same, if there is one.
    #[inline]
    pub fn uint_if(&mut self, key: Key, value: Option<u64>) {
        if let Some(value) = value {
            self.uint(key, value);
        }
    }

    /// An argument that is a number.
    #[inline]
    pub fn int(&mut self, key: Key, value: i64) {
        self.annotation(key, |out| {
            out.push(tag::INT);
            encode_varint(value.cast_unsigned(), out);
        });
    }

    /// An argument that is a text.
    pub fn text(&mut self, key: Key, text: &str) {
        self.annotation(key, |out| {
            out.push(tag::TEXT);
            encode_varint(text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        });
    }

    #[inline]
    fn annotation(&mut self, key: Key, value: impl FnOnce(&mut Vec<u8>)) {
        let Self(out) = self;
        let annotation = open(out, tag::ANNOTATION);
        out.push(tag::KEY);
        encode_varint(key.iid(), out);
        value(out);
        close(out, annotation);
    }
}

/// Begins a message whose length is not known yet; returns where it begins.
#[inline]
fn open(out: &mut Vec<u8>, tag: u8) -> usize {
    // One byte is room for the length of nearly all.
    out.extend_from_slice(&[tag, 0]);
    out.len()
}

/// Ends a message.
#[inline]
fn close(out: &mut Vec<u8>, begin: usize) {
    const ONE_BYTE_MAX: u8 = 0x7f;
    let length = out.len() - begin;
    match u8::try_from(length) {
        Ok(byte) if byte <= ONE_BYTE_MAX => out[begin - 1] = byte,
        _ => {
            let mut bytes = Vec::new();
            encode_varint(length as u64, &mut bytes);
            out.splice(begin - 1..begin, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::{Head, What, push};
    use crate::export::perfetto::names::{Category, Key, Name};
    use crate::export::perfetto::proto::{DebugAnnotation, Trace, TracePacket, TrackEvent};

    fn decoded(out: &[u8]) -> Vec<TracePacket> {
        Trace::decode(out).unwrap().packet
    }

    #[test]
    fn an_event_reads_back_as_its_message() {
        let mut out = Vec::new();
        push(&mut out, Head { time: u64::MAX, track: 300, what: What::Begin }, |body| {
            body.name(Name(200), Category::Log);
            body.flow(7);
            body.last_flow(u64::MAX);
            body.uint(Key::Region, 1 << 40);
            body.int(Key::Result, -5);
            body.text(Key::Reason, "é");
        });
        let annotation = |key: Key| DebugAnnotation { name_iid: Some(key.iid()), ..DebugAnnotation::default() };
        let event = TrackEvent {
            category_iids: vec![Category::Log.iid()],
            debug_annotations: vec![
                DebugAnnotation { uint_value: Some(1 << 40), ..annotation(Key::Region) },
                DebugAnnotation { int_value: Some(-5), ..annotation(Key::Result) },
                DebugAnnotation { string_value: Some("é".to_owned()), ..annotation(Key::Reason) },
            ],
            kind: Some(1),
            name_iid: Some(200),
            track_uuid: Some(300),
            counter_value: None,
            flow_ids: vec![7],
            terminating_flow_ids: vec![u64::MAX],
        };
        let packet = TracePacket {
            timestamp: Some(u64::MAX),
            trusted_packet_sequence_id: Some(1),
            sequence_flags: Some(2),
            track_event: Some(event),
            ..TracePacket::default()
        };
        assert_eq!(decoded(&out), [packet]);
    }

    /// The length takes another byte from 128 on, and another one from 16,384 on; of the event, of the packet, of both.
    #[test]
    fn every_length_reads_back() {
        let mut out = Vec::new();
        let lengths: Vec<usize> = (0..200).chain(16_200..16_500).collect();
        for &length in &lengths {
            push(&mut out, Head { time: 1, track: 1, what: What::Counter(-1) }, |body| {
                body.text(Key::Reason, &"x".repeat(length));
            });
        }
        let read: Vec<usize> = decoded(&out)
            .iter()
            .map(|packet| {
                let event = packet.track_event.as_ref().unwrap();
                assert_eq!((event.kind, event.counter_value), (Some(4), Some(-1)));
                event.debug_annotations[0].string_value.as_ref().unwrap().len()
            })
            .collect();
        assert_eq!(read, lengths);
    }
}

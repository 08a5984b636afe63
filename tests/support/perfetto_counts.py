#!/usr/bin/env python3
"""Reads a Perfetto trace by the protobuf classes of the `perfetto` package, checks what any such trace must keep to, and prints
what it counts as JSON: `FILE`.

Each check that fails is a line of `wrong`. Only names of this exporter are known here, not its code.
"""

import collections
import json
import sys

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

BIOS = {"write", "read", "empty flush", "discard", "other request"}
UNFIT = "without a track"


def op_of(name):
    """The operation that ends with what is called so; `None` if it is none."""
    if name in BIOS:
        return "end_io"
    if name.startswith("recovery"):
        return "recovery_complete"
    if name.split(" ")[0] in ("leg", "capture", "left", "not", "gap", "decode_error"):
        return None
    return name.split(" ")[0]


class Reader:
    """One pass over the packets, in the order of the file."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        self.wrong, self.names, self.keys, self.categories = [], {}, {}, {}
        self.tracks, self.clocks, self.system, self.clock_id = {}, {}, None, None
        self.events = []
        trace = Trace()
        # All of the file must be packets, and all of a packet known fields.
        trace.ParseFromString(data)
        self.bytes, self.packets = len(data), len(trace.packet)
        trace.DiscardUnknownFields()
        if trace.ByteSize() != len(data):
            self.wrong.append(f"{len(data)} bytes, of which {trace.ByteSize()} are known fields in their shortest form")
        for packet in trace.packet:
            self.packet(packet)

    def packet(self, packet):
        which = packet.WhichOneof("data")
        if packet.trusted_packet_sequence_id != 1:
            self.wrong.append("a packet without its sequence")
        if packet.sequence_flags & 1:
            self.names = {entry.iid: entry.name for entry in packet.interned_data.event_names}
            self.keys = {entry.iid: entry.name for entry in packet.interned_data.debug_annotation_names}
            self.categories = {entry.iid: entry.name for entry in packet.interned_data.event_categories}
            self.clock_id = packet.trace_packet_defaults.timestamp_clock_id
        elif which == "clock_snapshot":
            self.clocks = {clock.clock_id: clock.timestamp for clock in packet.clock_snapshot.clocks}
            self.primary = packet.clock_snapshot.primary_trace_clock
        elif which == "system_info":
            self.system = packet.system_info
        elif which == "track_descriptor":
            self.track(packet.track_descriptor)
        elif which == "track_event":
            if not packet.sequence_flags & 2 or not self.names:
                self.wrong.append("an event that does not ask for its names")
            if packet.track_event.track_uuid not in self.tracks:
                self.wrong.append(f"an event before its track {packet.track_event.track_uuid}")
            self.events.append((packet.timestamp, len(self.events), packet.track_event))
        else:
            self.wrong.append(f"a packet of {which}")

    def track(self, track):
        if track.uuid in self.tracks:
            self.wrong.append(f"track {track.uuid} twice")
        if track.HasField("parent_uuid") and track.parent_uuid not in self.tracks:
            self.wrong.append(f"track {track.uuid} before its parent")
        if any(not char.isprintable() for char in track.name + track.description) or len(track.name) > 300:
            self.wrong.append(f"track {track.uuid} with a name that must not be shown")
        self.tracks[track.uuid] = track

    def path(self, uuid):
        track = self.tracks[uuid]
        return ([] if not track.parent_uuid else self.path(track.parent_uuid)) + [track.name]

    def arguments(self, event):
        found = {}
        for argument in event.debug_annotations:
            name = argument.name or self.keys.get(argument.name_iid)
            if name is None or name in found:
                self.wrong.append(f"an argument {argument.name_iid} without a name, or twice")
            value = argument.WhichOneof("value")
            found[name] = getattr(argument, value) if value else None
        return found


def read(path):
    reader = Reader(path)
    wrong = reader.wrong
    ops, durations, losses, recovered = (collections.Counter() for _ in range(4))
    counters, flows, open_slices, last = {}, collections.defaultdict(list), collections.defaultdict(list), {}
    kinds, rows, not_seen = collections.Counter(), collections.Counter(), 0
    nested = collections.Counter()
    lost, unfit, left_out = 0, 0, {}

    def over(name, arguments, duration):
        op = op_of(name)
        if op is None:
            return
        if name in BIOS:
            ops["map"] += 1
        if "not_seen" in arguments:
            return
        ops[op] += 1
        durations[op] += arguments.get("latency_ns", duration)
        if op == "flush":
            kinds[name] += 1

    # As trace_processor does: by time, and what has the same time in the order of the file.
    for time, _, event in sorted(reader.events, key=lambda event: event[:2]):
        track = event.track_uuid
        name = reader.names.get(event.name_iid)
        if event.type != TrackEvent.TYPE_SLICE_END and event.type != TrackEvent.TYPE_COUNTER:
            if name is None or [iid for iid in event.category_iids if iid not in reader.categories]:
                wrong.append(f"name {event.name_iid} is not known")
                continue
            for flow in [*event.flow_ids, *event.terminating_flow_ids]:
                flows[flow].append((time, name, flow in event.terminating_flow_ids))
        arguments = reader.arguments(event)
        row = reader.tracks[track].name
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            if open_slices[track]:
                nested[f"{open_slices[track][-1][1]} > {name}"] += 1
                if row != "kmirrord" and row != "other calls":
                    wrong.append(f"{name} at {time} overlaps on {reader.path(track)}")
            open_slices[track].append((time, name, arguments))
            rows[row] += 1
        elif event.type == TrackEvent.TYPE_SLICE_END:
            if not open_slices[track]:
                wrong.append(f"an end at {time} without a begin on {reader.path(track)}")
                continue
            begin, name, arguments = open_slices[track].pop()
            over(name, arguments, time - begin)
        elif event.type == TrackEvent.TYPE_COUNTER:
            counter = counters.setdefault("/".join(reader.path(track)[1:]), {"max": 0, "changes": 0})
            counter["last"] = event.counter_value
            counter["max"] = max(counter["max"], event.counter_value)
            counter["changes"] += 1
        elif event.type == TrackEvent.TYPE_INSTANT:
            if row == UNFIT:
                unfit += 1
            if row == "losses":
                losses[name] += 1
                lost += arguments.get("lost", 0)
            if name == "left out":
                left_out = arguments
            over(name, arguments, arguments.get("duration_ns", 0))
        else:
            wrong.append(f"an event of type {event.type}")
        if "not_seen" in arguments:
            not_seen += 1
    # In the order of the file a slice track must not go back: its lanes are made for that.
    for time, _, event in reader.events:
        if event.type in (TrackEvent.TYPE_SLICE_BEGIN, TrackEvent.TYPE_SLICE_END, TrackEvent.TYPE_COUNTER):
            if time < last.get(event.track_uuid, 0):
                wrong.append(f"{time} comes late on {reader.path(event.track_uuid)}")
            last[event.track_uuid] = time
    wrong += [f"{len(left)} slices on {reader.path(track)} do not end" for track, left in open_slices.items() if left]
    paths = collections.Counter()
    for flow, ends in flows.items():
        if len(ends) < 2 or [end[2] for end in ends[:-1]].count(True):
            wrong.append(f"flow {flow} is {ends}")
        paths[" > ".join(name for _, name, _ in ends)] += 1
    return {
        "bytes": reader.bytes,
        "packets": reader.packets,
        "wrong": wrong[:20],
        "ops": ops,
        "durations": durations,
        "flush_kinds": kinds,
        "rows": rows,
        "nested": nested,
        "counters": counters,
        "flows": paths,
        "losses": losses,
        "lost": lost,
        "not_seen": not_seen,
        "unfit": unfit,
        "left_out": left_out,
        "clocks": reader.clocks,
        "clock": [reader.primary, reader.clock_id],
        "release": reader.system.utsname.release,
        "roots": [track.name for track in reader.tracks.values() if not track.parent_uuid],
        "groups": sorted("/".join(reader.path(uuid)) for uuid, track in reader.tracks.items() if track.child_ordering),
        "tracks": collections.Counter("/".join(reader.path(uuid)) for uuid in reader.tracks),
    }


if __name__ == "__main__":
    print(json.dumps(read(sys.argv[1])))

#!/usr/bin/env python3
"""Counts the rows of a trace per operation, with pyarrow and the standard library alone, and prints them as JSON.

Also computes every seal from what trace/FORMAT.md says about it, as somebody would who has nothing but that page.
"""

import json
import struct
import sys

import pyarrow as pa
import pyarrow.compute as pc


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc32c_table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


FORMATS = {"uint8": "B", "uint16": "H", "uint32": "I", "uint64": "Q", "int64": "q"}


def canonical(column):
    """The canonical bytes of one column."""
    present = [value.is_valid for value in column]
    if not any(present):
        return b"\0"
    out = b"\1"
    if not all(present):
        bits = bytearray((len(present) + 7) // 8)
        for row, valid in enumerate(present):
            bits[row // 8] |= valid << row % 8
        out = b"\2" + bytes(bits)
    if pa.types.is_dictionary(column.type):
        column = column.indices
    values = column.to_pylist()
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        texts = [value.encode() if isinstance(value, str) else value or b"" for value in values]
        offsets = [0]
        for text in texts:
            offsets.append(offsets[-1] + len(text))
        return out + struct.pack(f"<{len(offsets)}i", *offsets) + b"".join(texts)
    return out + struct.pack(f"<{len(values)}{FORMATS[str(column.type)]}", *(value or 0 for value in values))


# Columns that minor versions added, and the column of the seal that has their checksum.
ADDED = {1: (["bits"], "region")}


def check_seals(schema, batches):
    """Seals of the columns of version 1.0, and of those that later versions added."""
    minor = int(schema.metadata[b"dmlog.schema_version"].split(b".")[1])
    later = [(names, at) for since, (names, at) in ADDED.items() if since <= minor]
    first = [name for name in schema.names if all(name not in names for names, _ in later)]
    seals = [check_chain(schema, batches, names, at) for names, at in [(first, "arg"), *later]]
    return {"count": len(batches), "wrong": sum(wrong for wrong, _ in seals), "ended": seals[0][1]}


def check_chain(schema, batches, names, at):
    crc = 0
    heads = [schema.metadata[key.encode()] for key in ("dmlog.schema_version", "dmlog.facts", "dmlog.tool")]
    heads += ["\n".join(batches[0].column(name).dictionary.to_pylist()).encode() for name in ("op", "impl", "cause")]
    for head in heads:
        crc = crc32c(struct.pack("<Q", len(head)) + head, crc)
    wrong, ended = 0, False
    for number, batch in enumerate(batches):
        seal = batch.slice(batch.num_rows - 1).to_pylist()[0]
        rows = batch.slice(0, batch.num_rows - 1)
        ended = seal["text"] == "end"
        crc = crc32c(struct.pack("<QB", rows.num_rows, ended), crc)
        for name in names:
            crc = crc32c(canonical(rows.column(name)), crc)
        if (seal["op"], seal["result"], seal["io"], seal[at]) != ("seal", rows.num_rows, number, crc):
            wrong += 1
    return wrong, ended


def bits_of(row):
    """Log, bitset, first region, regions, set bits and sync count of a row of bits."""
    bits = int.from_bytes(row["bits"], "little")
    state = json.loads(row["text"])["state"] or {}
    name = ["clean", "in_sync", "recovering"][row["arg"]]
    return [row["log"], name, row["region"], row["result"], bin(bits).count("1"), state.get("sync_count")]


def main(path):
    with pa.OSFile(path) as file, pa.ipc.open_stream(file) as stream:
        batches = list(stream)
        schema = stream.schema
    table = pa.Table.from_batches(batches)
    table.validate(full=True)
    table = table.set_column(table.schema.get_field_index("op"), "op", pc.cast(table["op"], pa.string()))
    table = table.filter(pc.not_equal(table["op"], "seal"))
    identities = table.filter(pc.equal(table["op"], "identity"))["text"].to_pylist()
    bits = table.filter(pc.equal(table["op"], "bits")).to_pylist()
    print(
        json.dumps(
            {
                "schema_version": schema.metadata[b"dmlog.schema_version"].decode(),
                "facts": json.loads(schema.metadata[b"dmlog.facts"]),
                "rows": table.num_rows,
                "ops": {entry["values"]: entry["counts"] for entry in table["op"].value_counts().to_pylist()},
                "lost": pc.sum(table["lost"]).as_py(),
                "devices": sorted({json.loads(identity)["name"] for identity in identities}),
                "commands": sorted(value for value in table["comm"].unique().to_pylist() if value),
                "bits": [bits_of(row) for row in bits if row["bits"] is not None],
                "seals": check_seals(schema, batches),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])

#!/usr/bin/env python3
"""Reads exports with the standard library and jsonschema alone, and prints what they count as JSON: `csv FILE`,
`jsonl FILE SCHEMA`; `parquet FILE` by pyarrow; `sql FILE README`: what the queries of the README answer, by DuckDB; `duckdb DIR` and
`spark DIR`: rows and duration of each host, date and operation of a dataset.
"""

import collections
import csv
import json
import sys


def numbers(rows):
    """Rows, count of each operation, sum of durations, and events lost."""
    ops, durations, lost = collections.Counter(), collections.Counter(), 0
    for row in rows:
        ops[row["op"]] += 1
        # A number where there is one; empty in CSV, missing in JSON where there is none.
        durations[row["op"]] += int(row.get("duration_ns") or row.get("latency_ns") or 0)
        lost += int(row.get("lost") or 0)
    return {"rows": sum(ops.values()), "ops": ops, "durations": durations, "lost": lost}


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return numbers(csv.DictReader(file, strict=True))


def read_jsonl(path, schema_path):
    import jsonschema

    with open(schema_path, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    kinds = {kind["properties"]["op"]["const"]: kind for kind in schema["oneOf"]}
    validators = {op: jsonschema.Draft202012Validator(kind) for op, kind in kinds.items()}
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for place, row in enumerate(rows):
        # The whole schema tries every operation; a few rows are enough to see that only one of them takes it.
        (validator if place < 50 else validators[row["op"]]).validate(row)
    wrong = {**rows[0], "surprise": 1}
    return {**numbers(rows), "takes_anything": validator.is_valid(wrong)}


def read_parquet(path):
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    table = file.read()
    table.validate(full=True)
    facts = json.loads(file.schema_arrow.metadata[b"dmlog.facts"])
    clock = facts["clock"]
    offset = clock["realtime_ns"] - clock["monotonic_ns"]
    times = zip(table["time"].cast("int64").to_pylist(), table["time_ns"].to_pylist(), strict=True)
    group = file.metadata.row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    rows = table.drop_columns(["time"]).to_pylist()
    return {
        **numbers(rows),
        "facts": facts,
        "wrong_times": sum(wall != (mono + offset) // 1000 for wall, mono in times),
        "devices": sorted(device for device in pc.unique(table["device"]).to_pylist() if device),
        "encodings": {column.path_in_schema: column.encodings for column in columns},
        "compression": sorted({column.compression for column in columns}),
    }


def read_sql(path, readme_path):
    import duckdb

    with open(readme_path, encoding="utf-8") as file:
        block = file.read().split("```sql\n")[1].split("```")[0]
    queries = [query for query in block.split(";") if query.strip()]
    answers = [duckdb.sql(query.replace("'slow.parquet'", f"'{path}'")) for query in queries]
    return [[dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()] for answer in answers]


def read_duckdb(path):
    import duckdb

    rows = duckdb.sql(
        "SELECT host, date::VARCHAR, op, count(*), coalesce(sum(duration_ns), 0)::UBIGINT"
        f" FROM read_parquet('{path}/**/*.parquet', hive_partitioning = true) GROUP BY ALL"
    )
    return sorted(rows.fetchall())


def read_spark(path):
    from pyspark.sql import SparkSession, functions

    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.driver.host": "127.0.0.1"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        table = session.read.parquet(path)
        sums = table.groupBy("host", "date", "op").agg(functions.count("*"), functions.sum("duration_ns"))
        return sorted([host, str(date), op, count, int(ns or 0)] for host, date, op, count, ns in sums.collect())
    finally:
        session.stop()


if __name__ == "__main__":
    readers = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet, "sql": read_sql}
    read = {**readers, "duckdb": read_duckdb, "spark": read_spark}[sys.argv[1]]
    print(json.dumps(read(*sys.argv[2:])))

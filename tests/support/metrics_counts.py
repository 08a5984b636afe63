#!/usr/bin/env python3
"""Reads what dmlog-top exports for other people's tools by their own libraries, and prints what it says as JSON:
`hlog FILE` and `hgrm FILE FOLDER` by HdrHistogram's Python port, `openmetrics FILE` by prometheus_client.
"""

import bisect
import json
import math
import pathlib
import sys

PERCENTILES = [50.0, 90.0, 99.0, 99.9]


def by_tag(path):
    """One histogram for each tag, of all its intervals; and what an interval may look like."""
    from hdrh.histogram import HdrHistogram
    from hdrh.log import HistogramLogReader

    reader = HistogramLogReader(path, HdrHistogram(1, 10**12, 3))
    tags, intervals, times = {}, {}, []
    while True:
        interval = reader.get_next_interval_histogram()
        if interval is None:
            break
        tag = interval.get_tag() if hasattr(interval, "get_tag") else interval.tag
        total = tags.setdefault(tag, HdrHistogram(1, 10**12, 3))
        total.add(interval)
        intervals[tag] = intervals.get(tag, 0) + 1
        times.append((interval.get_start_time_stamp(), interval.get_end_time_stamp()))
    return tags, intervals, times


def steps(histogram):
    """Values that a histogram holds, as the ends of their buckets, and how many are not above each. Once for each tag: the library walks
    through all buckets."""
    items = [(item.value_iterated_to, item.total_count_to_this_value) for item in histogram.get_recorded_iterator()]
    lowest = [histogram.get_lowest_equivalent_value(value) for value, _ in items]
    highest = [histogram.get_highest_equivalent_value(value) for value, _ in items]
    return lowest, highest, [seen for _, seen in items]


def nearest_rank(held, percentile):
    """The library rounds a rank to the nearest; a percentile is what so many do not exceed."""
    _, highest, seen = held
    rank = max(math.ceil(percentile / 100 * seen[-1]), 1)
    return highest[bisect.bisect_left(seen, rank)]


def read_hlog(path):
    tags, intervals, times = by_tag(path)
    told = {}
    for tag, histogram in tags.items():
        held = steps(histogram)
        told[tag] = {
            "count": histogram.total_count,
            "intervals": intervals[tag],
            "percentiles": [nearest_rank(held, percentile) for percentile in PERCENTILES],
            "librarys": [histogram.get_value_at_percentile(percentile) for percentile in PERCENTILES],
        }
    ordered = all(one[0] <= next_[0] for one, next_ in zip(times, times[1:]))
    lengths = sorted({round(end - start) for start, end in times})
    return {"tags": told, "first_ms": times[0][0] if times else None, "is_ordered": ordered, "lengths_ms": lengths}


def rows(lines):
    """Rows of a percentile distribution: value, percentile, count; and its comments."""
    values = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    assert values.pop(0) == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    return [(float(row[0]), float(row[1]), int(row[2])) for row in values]


def read_hgrm(path, folder):
    """Each file of the folder, beside what the library prints of the same tag of the log."""
    tags, _, _ = by_tag(path)
    read = {}
    for file in sorted(pathlib.Path(folder).iterdir()):
        tag = file.name.removesuffix(".hgrm").replace("%2F", "/").replace(".", ":")
        histogram = tags[tag]
        lowest, _, held = steps(histogram)
        ours = rows(file.read_text().splitlines())
        beyond = 0
        for value, percentile, count in ours:
            # What the library holds at that value: the same number of durations, none of them longer.
            place = bisect.bisect_right(lowest, round(value * 1e6))
            seen = held[place - 1] if place else 0
            beyond += seen != count
            beyond += count < math.floor(percentile * histogram.total_count + 1e-6)
        comments = [line for line in file.read_text().splitlines() if line.startswith("#")]
        numbers = {}
        for comment in comments:
            for part in comment.strip("#[]").split(","):
                name, number = part.split("=")
                numbers[name.strip()] = float(number)
        read[tag] = {
            "wrong_rows": beyond,
            "rows": len(ours),
            "last": ours[-1],
            "numbers": numbers,
            "deviation_ms": histogram.get_stddev() / 1e6,
        }
    return read


def read_openmetrics(path):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    with open(path, encoding="utf-8") as file:
        families = list(text_string_to_metric_families(file.read()))
    samples = [
        {"name": sample.name, "labels": sample.labels, "value": sample.value, "timestamp": float(sample.timestamp or 0)}
        for family in families
        for sample in family.samples
    ]
    kinds = {family.name: [family.type, family.unit, family.documentation] for family in families}
    return {"families": kinds, "samples": samples}


if __name__ == "__main__":
    read = {"hlog": read_hlog, "hgrm": read_hgrm, "openmetrics": read_openmetrics}[sys.argv[1]]
    print(json.dumps(read(*sys.argv[2:])))

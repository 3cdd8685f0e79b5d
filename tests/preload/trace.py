"""Is a file an execution trace in the Trace Event Format, and what is in it?

    trace.py FILE [NAME=COUNT | NAME>=COUNT]...     the number of records of the name
    trace.py --cut FILE ...                          the writer may have been killed: the array need not have its end
"""

import collections
import json
import sys

FIELDS = {"ph": str, "name": str, "ts": (int, float), "pid": int, "tid": int, "args": dict}
PHASES = "XiCM"


def records(path, is_cut):
    text = open(path).read()
    if is_cut and not text.endswith("]\n"):
        text += "\n]"
    return json.loads(text)


def check(all_records):
    """The fields that each phase must have; slices of a track nest."""
    slices = collections.defaultdict(list)
    assert len({record["pid"] for record in all_records}) == 1, "records of several processes"
    for record in all_records:
        for field, kind in FIELDS.items():
            assert isinstance(record[field], kind), (field, record)
        phase = record["ph"]
        assert phase in PHASES, record
        if phase == "X":
            assert record["dur"] >= 0, record
            begin, length = round(record["ts"] * 1000), round(record["dur"] * 1000)  # nanoseconds: exact
            slices[record["tid"]].append((begin, begin + length, record["name"]))
        if phase == "C":
            assert record["args"] and all(isinstance(v, int) for v in record["args"].values()), record
    for track in slices.values():
        assert len(set(track)) == len(track), "a slice was recorded twice"
        track.sort(key=lambda each: (each[0], -each[1]))
        stack = []
        for begin, end, name in track:
            while stack and stack[-1] <= begin:
                stack.pop()
            assert not stack or end <= stack[-1], ("slices overlap", name, begin, end)
            stack.append(end)


def main():
    arguments = sys.argv[1:]
    is_cut = arguments[0] == "--cut"
    path, *wanted = arguments[is_cut:]
    all_records = records(path, is_cut)
    check(all_records)
    counts = collections.Counter(record["name"] for record in all_records)
    for each in wanted:
        name, number = each.replace(">=", "=").split("=")
        is_met = counts[name] >= int(number) if ">=" in each else counts[name] == int(number)
        assert is_met, (each, counts)
    print(f"{path}: {len(all_records)} records")


main()

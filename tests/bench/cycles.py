#!/usr/bin/env python3
"""What bench/runner/cycles.py makes of the output of a program, against values worked out by hand.

    SOURCE=… cycles.py
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["SOURCE"]) / "bench"))

from runner.cycles import run_of  # noqa: E402

# Ten windows from 100 s on. A cycle is in the third and fourth; the others are not in the run, or at its end.
WEIR = """filled in: 1.000 s
server-weir: 1000 operations/s (100 in 0.100 s)
longest operation: 12.500 ms
CPU: 0.150 s
collector CPU: 0.020 s
run: 100.000000 s to 100.100000 s
cycle: 98.000000 s to 99.000000 s
cycle: 100.021000 s to 100.039000 s
cycle: 100.099000 s to 100.200000 s
cycle: 101.000000 s to 102.000000 s
stop: 98.100000 s to 98.900000 s
stop: 100.022000 s to 100.023000 s
stop: 100.036000 s to 100.038500 s
windows: 12 10 3 5 14 10 10 8 10 2
hits: 25.0 %
"""
GO = """server-go: 1000 operations/s (100 in 0.100 s)
longest operation: 12.500 ms
CPU: 0.150 s
run: 2.000000 s to 2.100000 s
windows: 12 10 3 5 14 10 10 8 10 2
"""
GCTRACE = """gc 1 @1.500s 2%: 9.0+80+9.0 ms clock, 18+1.0/2.0/3.0+18 ms cpu, 4->4->2 MB, 5 MB goal, 0 MB stacks, 0 MB globals, 2 P
gc 2 @2.021s 2%: 0.50+15+2.5 ms clock, 1.0+2.0/3.0/4.0+5.0 ms cpu, 4->4->2 MB, 5 MB goal, 0 MB stacks, 0 MB globals, 2 P
gc 3 @2.150s 2%: 9.0+80+9.0 ms clock, 18+1.0/2.0/3.0+18 ms cpu, 4->4->2 MB, 5 MB goal (forced)
"""


def check(what, found, expected):
    near = found is expected or (None not in (found, expected) and abs(found - expected) < 1e-6)
    if not near:
        sys.exit(f"{what}: {found}, expected {expected}")


def check_weir():
    run = run_of(WEIR)
    check("operations", run.million_operations(), 0.001)
    check("CPU", run.cpu_nanoseconds(), 1.5e6)
    check("of the collector", run.collector_nanoseconds(), 0.2e6)
    check("longest operation", run.longest_ms, 12.5)
    check("cycles", run.cycle_count(), 2)
    check("longest stop", run.longest_stop(), 2.5)
    check("99.9th percentile", run.late_stop(), 2.5)
    check("median of the stops", run.late_stop(0.5), 1)
    check("slowest in cycles", run.slowest_during(), 0.2)  # 2 of a usual 10
    check("slowest beside", run.slowest_beside(), 0.8)


def check_go():
    run = run_of(GO, GCTRACE)
    check("cycles of Go", run.cycle_count(), 1)
    check("stops of Go", len(run.stops), 2)
    check("longest stop of Go", run.longest_stop(), 2.5)
    check("collector of Go", run.collector_nanoseconds(), 0.15e6)
    check("slowest in a cycle of Go", run.slowest_during(), 0.3)


def check_no_cycles():
    run = run_of(GO)
    for what in (run.cycle_count, run.longest_stop, run.late_stop, run.slowest_during, run.collector_nanoseconds):
        check(what.__name__, what(), None)
    check("slowest without cycles", run.slowest_beside(), 0.2)


def check_unfinished():
    for line in ("run: ", "windows: ", "CPU: ", "longest operation: "):
        try:
            run_of("\n".join(text for text in GO.splitlines() if not text.startswith(line)))
        except ValueError:
            continue
        sys.exit(f"no complaint without {line}")


if __name__ == "__main__":
    check_weir()
    check_go()
    check_no_cycles()
    check_unfinished()

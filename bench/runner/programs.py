"""What is run: programs that are one command, and our own workloads among them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from .measure import Launcher


@dataclass
class Program:
    """One command. Its cost is wall time, unless `reported` finds another figure in what it printed."""
    name: str
    group: str
    command: list
    stdin: Path | None = None
    cwd: Path | None = None
    environment: dict = field(default_factory=dict)
    reported: Callable[[str], float | None] | None = None
    same_output: bool = False  # what it prints must not depend on the library
    expected: str | None = None

    def run(self, launcher: Launcher, library):
        sample = launcher.run(library, self.command, self.stdin, self.cwd, self.environment)
        if sample.failure:
            return sample
        if self.reported:
            found = self.reported(sample.output)
            if found is None:
                return replace(sample, failure="printed no result")
            sample.seconds = found
        if self.same_output:
            if self.expected is None:
                self.expected = sample.output
            elif sample.output != self.expected:
                sample.failure = "printed something else than under the first library"
        return sample


def number_after(pattern, convert=lambda value: value):
    """A `reported` function: the first group of the pattern as a number, converted; None if there is none."""
    expression = re.compile(pattern)

    def find(output):
        match = expression.search(output)
        return convert(float(match[1])) if match and float(match[1]) else None
    return find


def medium_sizes(folder, quick):
    """bench/workloads/size-range: what a pair of malloc and free of medium sizes costs on 1, 2 and 8 threads; the
    time is from the first thread's start to the last one's end."""
    ranges = (("1-30 KiB", 1 << 10, 30 << 10, "16M", "1M"), ("33-200 KiB", 33 << 10, 200 << 10, "4M", "256K"),
              ("0.2-1 MiB", 200 << 10, 1 << 20, "512K", "32K"))
    return [Program(f"{name}, {threads} threads" if threads > 1 else f"{name}, 1 thread", "sizes",
                    [folder / "size-range", f"threads={threads}", f"low={low}", f"high={high}",
                     f"count={short if quick else count}"],
                    reported=number_after(r"in ([\d.]+) s\)"))
            for name, low, high, count, short in ranges for threads in (1, 2, 8)]


def many_threads(folder, quick):
    """More threads than processors: each replaces blocks and hands them over at its end; and half of them allocate what
    the other half frees."""
    count = "count=1M" if quick else "count=8M"
    replacing = [Program(f"random-replace, {threads} threads", "threads",
                         [folder / "random-replace", f"threads={threads}", "live=2000", "handovers=5", count])
                 for threads in (8, 64, 256)]
    return replacing + [Program(f"producer-consumer, {2 * pairs} threads", "threads",
                                [folder / "producer-consumer", f"pairs={pairs}", count]) for pairs in (4, 32)]


def own_workloads(folder, quick):
    """bench/workloads; quick runs take about a tenth of the time."""
    def workload(name, arguments=(), quick_arguments=(), reported=None):
        return Program(name, "workloads", [folder / name, *arguments, *(quick_arguments if quick else ())],
                       reported=reported)
    return [
        workload("small-fixed", (), ["count=12M"]),
        workload("small-mixed", (), ["count=4M"]),
        workload("random-replace", (), ["count=4M", "handovers=5"]),
        workload("producer-consumer", (), ["count=1500K"]),
        workload("short-threads", (), ["count=4K"]),
        workload("realloc-grow", (), ["repeat=1", "large=64M", "vectors=1K"]),
        workload("large-blocks", (), ["count=800"]),
        workload("burst", ["idle=0"], ["peak=128M", "live=6M"], number_after(r"time: ([\d.]+)")),
        workload("churn-limit", (), ["live=15M"]),
    ]

"""How a program went while its collector worked: from what bench/gc/speed.h prints, or speed.go and Go's gctrace=1.

    run: BEGIN s to END s       when it operated
    cycle: BEGIN s to END s     of the collector; those beside the run do not count
    stop: BEGIN s to END s      of the program; likewise
    windows: COUNT…             operations that ended in each 10 ms of the run
"""

import math
import re
from dataclasses import dataclass
from statistics import median

WINDOW = 0.01  # seconds
SPAN = re.compile(r"^(run|cycle|stop): ([\d.]+) s to ([\d.]+) s$", re.MULTILINE)
# When the cycle began; how long it stopped the program, marked beside it, and stopped it again; processor time.
GCTRACE = re.compile(r"^gc \d+ @([\d.]+)s \d+%: ([\d.]+)\+([\d.]+)\+([\d.]+) ms clock, ([\d.+/]+) ms cpu", re.MULTILINE)


@dataclass(frozen=True)
class Span:
    begin: float  # seconds
    end: float

    def meets(self, other):
        return self.begin < other.end and other.begin < self.end

    def milliseconds(self):
        return (self.end - self.begin) * 1e3


@dataclass(frozen=True)
class Cycle:
    span: Span
    stops: tuple
    cpu_seconds: float

    @classmethod
    def traced(cls, begin, first, beside, second, cpu):
        """From the numbers of a line of gctrace, which are milliseconds but for the first."""
        begin, (first, beside, second) = float(begin), (float(number) / 1e3 for number in (first, beside, second))
        end = begin + first + beside + second
        return cls(Span(begin, end), (Span(begin, begin + first), Span(end - second, end)),
                   sum(map(float, re.split("[+/]", cpu))) / 1e3)


@dataclass(frozen=True)
class Run:
    operations: int
    seconds: float
    longest_ms: float  # the longest operation
    cpu_seconds: float
    collector_seconds: float | None  # the part of it that the cycles took; None: nobody says
    cycles: tuple  # of spans
    stops: tuple
    beside: tuple  # operations in each window that no cycle met
    during: tuple  # and in each of the others

    def million_operations(self):
        return self.operations / self.seconds / 1e6

    def cpu_nanoseconds(self):
        return self.cpu_seconds / self.operations * 1e9

    def collector_nanoseconds(self):
        return None if self.collector_seconds is None else self.collector_seconds / self.operations * 1e9

    def cycle_count(self):
        return len(self.cycles) or None

    def late_stop(self, share=0.999):
        """The percentile: of fewer than a thousand stops the longest."""
        lengths = sorted(stop.milliseconds() for stop in self.stops)
        return lengths[math.ceil(len(lengths) * share) - 1] if lengths else None

    def longest_stop(self):
        return self.late_stop(1)

    def slowest(self, windows):
        """The lowest speed in them, as a ratio to the median of the windows without a cycle."""
        usual = median(self.beside) if self.beside else 0
        return min(windows) / usual if windows and usual else None

    def slowest_during(self):
        return self.slowest(self.during)

    def slowest_beside(self):
        return self.slowest(self.beside)


def numbers_of(pattern, text):
    """The groups of the first match, as numbers."""
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise ValueError("printed no result")
    return [float(group) for group in found.groups()]


def run_of(output, errors=""):
    """What a program printed on its standard output and error → Run. ValueError: it did not print all of it."""
    spans = {name: [] for name in ("run", "cycle", "stop")}
    for name, begin, end in SPAN.findall(output):
        spans[name].append(Span(float(begin), float(end)))
    begin, end = numbers_of(r"^run: ([\d.]+) s to ([\d.]+) s$", output)
    whole = Span(begin, end)
    traced = [cycle for line in GCTRACE.findall(errors) if (cycle := Cycle.traced(*line)).span.meets(whole)]
    cycles = [cycle.span for cycle in traced] + [span for span in spans["cycle"] if span.meets(whole)]
    stops = [stop for cycle in traced for stop in cycle.stops] + spans["stop"]
    collector = sum(cycle.cpu_seconds for cycle in traced) if traced else None
    if "collector CPU:" in output:
        [collector] = numbers_of(r"^collector CPU: ([\d.]+) s$", output)
    beside, during = windows_of(output, begin, cycles)
    operations, seconds = numbers_of(r"operations/s \((\d+) in ([\d.]+) s\)", output)
    return Run(int(operations), seconds, *numbers_of(r"^longest operation: ([\d.]+) ms", output),
               *numbers_of(r"^CPU: ([\d.]+) s$", output), collector, tuple(cycles),
               tuple(stop for stop in stops if stop.meets(whole)), beside, during)


def windows_of(output, begin, cycles):
    """The counts of the windows that no cycle met, and those of the others."""
    counts = re.search(r"^windows:((?: \d+)+)$", output, re.MULTILINE)
    if not counts:
        raise ValueError("printed no result")
    sorted_out = ([], [])
    for i, count in enumerate(counts[1].split()):
        window = Span(begin + i * WINDOW, begin + (i + 1) * WINDOW)
        sorted_out[any(cycle.meets(window) for cycle in cycles)].append(int(count))
    return tuple(map(tuple, sorted_out))

"""What bench/gc/compare runs, measures and judges by: trees and a cache as a whole, or shapes of heaps while a collector
works on them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from .cycles import run_of


@dataclass(frozen=True)
class Program:
    command: tuple  # its name, without the memory, and arguments
    quick: tuple = ()  # further arguments of a quick run
    needs_gib: int = 0  # of available memory, except in a quick run


@dataclass(frozen=True, eq=False)
class Contender:
    name: str
    memory: str  # the programs are PROGRAM-MEMORY
    library: str = "glibc"  # that is preloaded
    settings: dict = field(default_factory=dict)  # of the environment
    programs: tuple = ()  # that it takes part in; none named: all


@dataclass(frozen=True)
class Measure:
    name: str
    decimals: int
    of: Callable  # Sample → float, or None when the program prints no such figure


@dataclass(frozen=True)
class Target:
    """What weir is to reach: a value, or a ratio to the same measure of another contender."""
    program: str
    measure: str
    to: str  # the other contender, or "" for the value itself
    bound: float
    at_most: bool


@dataclass(frozen=True)
class Suite:
    title: str
    programs: dict  # by name
    contenders: tuple
    measures: tuple
    targets: tuple


def printed(pattern):
    """The median of all the numbers that a run printed."""
    expression = re.compile(pattern)

    def find(sample):
        found = [float(number) for number in expression.findall(sample.output)]
        return median(found) if found else None
    return find


def million_operations(sample):
    rate = printed(r"([\d.]+) operations/s")(sample)
    return rate and rate / 1e6


WHOLE = Suite(
    title="Collected",
    programs={
        "trees": Program(("trees",), ("depth=14",)),
        "cache": Program(("cache", "collect=2"), ("live=32M", "seconds=1")),
    },
    contenders=(
        *(Contender(f"malloc, {library}", "malloc", library) for library in ("glibc", "jemalloc", "mimalloc")),
        *(Contender(memory, memory) for memory in ("libgc", "go", "weir")),
    ),
    measures=(
        Measure("wall s", 2, lambda sample: sample.seconds),
        Measure("CPU s", 2, lambda sample: sample.cpu_seconds),
        Measure("peak MiB", 0, lambda sample: sample.rss_kib / 1024),
        Measure("M operations/s", 2, million_operations),
        Measure("longest stop ms", 1, printed(r"longest operation: ([\d.]+) ms")),
        Measure("full collection s", 2, printed(r"full collection: ([\d.]+) s")),
        Measure("M objects marked/s", 1, printed(r"([\d.]+) M objects/s")),
    ),
    targets=(
        Target("trees", "CPU s", "libgc", 0.5, True),
        Target("trees", "CPU s", "go", 0.5, True),
        Target("trees", "peak MiB", "go", 1, True),
        Target("cache", "M operations/s", "go", 1, False),
        Target("cache", "longest stop ms", "", 400, True),
        Target("cache", "M objects marked/s", "", 40, False),
    ))


def of_run(find):
    return lambda sample: find(run_of(sample.output, sample.errors))


def shape(name, *arguments, quick=("live=32M",), needs_gib=0):
    return Program((*name.split(), *arguments), (*quick, "seconds=1"), needs_gib)


def written_cache(percent):
    """Most of what it allocates is dropped at once, so that there is as much to collect whatever is written."""
    return shape("cache", f"writes={percent}", "answer=256", "seconds=12")


SHAPES = Suite(
    title="Shapes",
    programs={
        "cache, 1 GiB": shape("cache"),
        "cache, 1 % write": written_cache(1),
        "cache, 10 % write": written_cache(10),
        "cache, 50 % write": written_cache(50),
        "cache, 4 GiB": shape("cache", "live=4G", "answer=256", "seconds=20", needs_gib=14),
        "list of 30 M nodes": shape("shapes list", "live=458M"),
        "64 deep stacks": shape("shapes stacks", quick=("threads=8", "stack=64K")),
        "static array of 200 MiB": shape("table", quick=("used=8M",)),
        "objects of 1 MiB": shape("shapes large"),
        "server": shape("shapes server"),
    },
    contenders=(
        Contender("malloc, glibc", "malloc"),
        Contender("libgc", "libgc"),
        Contender("go", "go", settings={"GODEBUG": "gctrace=1"}),
        Contender("weir", "weir", settings={"WEIR_DEBUG": "gcconcurrent=1"}),
        Contender("weir, never young", "weir", settings={"WEIR_DEBUG": "gcconcurrent=1,gcyoung=0"},
                  programs=("cache, 1 % write", "list of 30 M nodes", "server")),
        Contender("weir, in a stop", "weir", settings={"WEIR_DEBUG": "gcconcurrent=0"}),
    ),
    measures=(
        Measure("M operations/s", 3, of_run(lambda run: run.million_operations())),
        Measure("CPU ns/operation", 0, of_run(lambda run: run.cpu_nanoseconds())),
        Measure("collector CPU ns/operation", 0, of_run(lambda run: run.collector_nanoseconds())),
        Measure("longest stop ms", 2, of_run(lambda run: run.longest_stop())),
        Measure("stops 99.9 % ms", 2, of_run(lambda run: run.late_stop())),
        Measure("longest operation ms", 1, of_run(lambda run: run.longest_ms)),
        Measure("slowest 10 ms in cycles", 2, of_run(lambda run: run.slowest_during())),
        Measure("slowest 10 ms beside", 2, of_run(lambda run: run.slowest_beside())),
        Measure("peak MiB", 0, lambda sample: sample.rss_kib / 1024),
        Measure("cycles", 0, of_run(lambda run: run.cycle_count())),
    ),
    targets=(
        Target("cache, 1 GiB", "stops 99.9 % ms", "", 1, True),
        Target("cache, 1 GiB", "longest stop ms", "", 2, True),
        Target("cache, 1 GiB", "longest operation ms", "", 5, True),
        Target("cache, 1 GiB", "M operations/s", "go", 1.2, False),
        Target("cache, 1 GiB", "slowest 10 ms in cycles", "", 0.4, False),
        Target("cache, 1 GiB", "CPU ns/operation", "go", 0.8, True),
        Target("cache, 1 GiB", "peak MiB", "go", 1, True),
        Target("server", "collector CPU ns/operation", "weir, never young", 0.5, True),
    ))

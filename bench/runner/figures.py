"""The figures weir is held to, other than those of a comparison: what is run, and the bar.

Each figure is one number per run. The value of several runs is their median, or the median minus that of plain glibc,
or the highest: the figure's of_runs says which.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .libraries import GLIBC
from .results import MEASURES, describe_machine


AGGREGATES = {
    "median": lambda values, plain: median(values),
    "above plain": lambda values, plain: median(values) - median(plain),
    "highest": lambda values, plain: max(values),
}


@dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    value: Callable  # Sample → float, or None when the program printed no such figure
    bar: float | None = None  # an upper bound for weir; None: the figure is only shown
    of_runs: str = "median"  # which of AGGREGATES


@dataclass(frozen=True)
class Experiment:
    """One command whose every run yields all of its figures. The settings mean something to weir only."""
    title: str
    command: tuple
    settings: dict
    runs: int  # per round
    figures: tuple


def printed(pattern):
    expression = re.compile(pattern)

    def find(sample):
        found = [float(value) for value in expression.findall(sample.output)]
        return max(found) if found else None
    return find


def experiments(folder):
    """`folder` holds the workload programs."""
    def milliseconds(sample):
        return sample.seconds * 1e3

    double = {"WEIR_GOGC": "100"}
    highest_resident = printed(r"highest resident .*: ([\d.]+)")
    resident_at_once = printed(r"resident after 0\.0 s idle: ([\d.]+)")
    resident_later = printed(r"resident after 2\.0 s idle: ([\d.]+)")
    return [
        Experiment("start-up", (folder / "start-up", "rss"), {}, 20, (
            Figure("start-up: resident above plain", "KiB", printed(r"resident: (\d+)"), 512, "above plain"),)),
        Experiment("start-up time", (folder / "start-up",), {}, 100, (
            Figure("start-up: time above plain", "ms", milliseconds, 1, "above plain"),)),
        Experiment("burst, oldest blocks live on", (folder / "burst", "keep=0"), double, 1, (
            Figure("burst to 1 GiB, oldest 50 MiB live on: resident at once", "MiB", resident_at_once),
            Figure("the same after 2 s idle, GOGC=100", "MiB", resident_later, 110))),
        Experiment("burst, runs live on", (folder / "burst", "keep=1"), double, 1, (
            Figure("burst, 1 MiB runs live on: after 2 s idle, GOGC=100", "MiB", resident_later),)),
        Experiment("burst, scattered blocks live on", (folder / "burst", "keep=2"), double, 1, (
            Figure("burst, scattered blocks live on: after 2 s idle, GOGC=100", "MiB", resident_later),)),
        Experiment("churn under a limit", (folder / "churn-limit",), {"WEIR_MEMLIMIT": "256MiB"}, 1, (
            Figure("churn, 150 MiB live: highest, MEMLIMIT=256MiB", "MiB", highest_resident, 262, "highest"),)),
    ]


class FigureTable:
    """The values of every figure under every library, and their JSON form."""

    def __init__(self, libraries, rounds, command, rows=None, machine=None):
        self.libraries, self.rounds, self.command = libraries, rounds, command
        self.machine = machine or describe_machine()
        self.rows = rows or []

    def add_figures(self, experiment):
        for figure in experiment.figures:
            self.rows.append({"name": figure.name, "unit": figure.unit, "bar": figure.bar,
                              "of_runs": figure.of_runs, "failures": {},
                              "values": {library: [] for library in self.libraries}})

    def add_sample(self, experiment, library, sample):
        for figure, row in zip(experiment.figures, self.rows[-len(experiment.figures):]):
            value = None if sample.failure else figure.value(sample)
            if value is None:
                row["failures"].setdefault(library, sample.failure or "printed no result")
            else:
                row["values"][library].append(value)

    def add_comparison(self, results, group):
        """The bars on a comparison of programs, from the Results of bench/compare."""
        failures = {library: failed_programs(results, group, library) for library in self.libraries}
        failures = {library: reason for library, reason in failures.items() if reason}
        for measure, bar in (("seconds", 0.72), ("rss_kib", 1.05)):
            self.add_ratio(f"{group}: geometric mean of {MEASURES[measure]}", bar, failures,
                           lambda library: results.geomean(group, library, measure))
        self.add_ratio(f"{group}: time of the worst program", 1.05, failures, lambda library: max(
            results.ratio(program, library, "seconds") for program in results.of_group(group)))

    def add_ratio(self, name, bar, failures, of_library):
        values = {library: [of_library(library)] for library in self.libraries if library not in failures}
        self.rows.append({"name": name, "unit": "of glibc", "bar": bar, "of_runs": "median",
                          "failures": failures, "values": values})

    def figure(self, row, library):
        """The figure that counts for a library, or None when it failed or was not measured."""
        values, plain = row["values"].get(library), row["values"].get(GLIBC.name)
        if library in row["failures"] or not values or not plain:
            return None
        return AGGREGATES[row["of_runs"]](values, plain)

    def reached(self, row, library="weir"):
        """True or False against the bar; None without a bar or without weir."""
        if row["bar"] is None or library not in self.libraries:
            return None
        value = self.figure(row, library)
        return value is not None and value <= row["bar"]

    def save(self, path):
        text = json.dumps({"command": self.command, "machine": self.machine, "rounds": self.rounds,
                           "libraries": self.libraries, "rows": self.rows}, indent=1)
        Path(path).write_text(text + "\n")

    @classmethod
    def load(cls, path):
        return cls(**json.loads(Path(path).read_text()))

    def cells(self):
        """Rows of text: the figure, its bar, whether weir reaches it, weir first among the libraries."""
        order = sorted(self.libraries, key=lambda library: library != "weir")
        table = [["figure", "unit", "bar", "reached", *order]]
        for row in self.rows:
            bar = "" if row["bar"] is None else f"≤ {row['bar']:g}"
            verdict = {True: "yes", False: "NO", None: ""}[self.reached(row)]
            cells = (self.cell(row, library) for library in order)
            table.append([row["name"], row["unit"], bar, verdict, *cells])
        return table

    def cell(self, row, library):
        if library in row["failures"]:
            return "FAILED"
        value = self.figure(row, library)
        decimals = {"KiB": 0, "MiB": 1}.get(row["unit"], 3)
        return "–" if value is None else f"{value:.{decimals}f}"

    def failure_lines(self):
        return [f"FAILED: {row['name']} under {library}: {reason}"
                for row in self.rows for library, reason in row["failures"].items()]


def failed_programs(results, group, library):
    """Why there is no figure over all programs of the group for this library, or an empty string."""
    programs = results.of_group(group)
    if not programs or library not in results.libraries:
        return "not compared"
    return ", ".join(program["name"] for program in programs
                     if results.ratio(program, library, "seconds") is None)

"""The samples of one comparison, what is computed from them, and their JSON form.

    {"command": …, "machine": {…}, "rounds": N, "libraries": [NAME…], "programs": [
        {"name": …, "group": …, "samples": {LIBRARY: [{"seconds": …, "cpu_seconds": …, "rss_kib": …, "average_rss_kib": …, "failure": …}…]}}…]}
"""

import json
import math
import os
import platform
import shlex
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from .options import REPOSITORY

MEASURES = {"seconds": "time", "cpu_seconds": "CPU time", "rss_kib": "peak RSS", "average_rss_kib": "average RSS"}


@dataclass
class Spread:
    median: float
    low: float
    high: float


class Results:
    def __init__(self, libraries, rounds, command, programs=None, machine=None):
        self.libraries = libraries  # names; the first is the one the others are compared to
        self.rounds = rounds
        self.command = command
        self.machine = machine or describe_machine()
        self.programs = programs or []

    def add_program(self, name, group):
        self.programs.append({"name": name, "group": group,
                              "samples": {library: [] for library in self.libraries}})

    def add_sample(self, library, sample):
        self.programs[-1]["samples"][library].append(
            {"failure": sample.failure, **{measure: getattr(sample, measure) for measure in MEASURES}})

    def groups(self):
        return list(dict.fromkeys(program["group"] for program in self.programs))

    def of_group(self, group):
        return [program for program in self.programs if group in (None, program["group"])]

    def geomean(self, group, library, measure):
        """Over the programs that ran under this library and the first; None if there is none."""
        ratios = [ratio for program in self.of_group(group)
                  if (ratio := self.ratio(program, library, measure)) is not None]
        return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None

    def ratio(self, program, library, measure):
        own, base = (spread(program, name, measure) for name in (library, self.libraries[0]))
        return own.median / base.median if own and base and own.median and base.median else None

    def save(self, path):
        text = json.dumps({"command": self.command, "machine": self.machine, "rounds": self.rounds,
                           "libraries": self.libraries, "programs": self.programs}, indent=1)
        Path(path).write_text(text + "\n")

    @classmethod
    def load(cls, path):
        return cls(**json.loads(Path(path).read_text()))


def failure(program, library):
    """Why a program does not count under this library, or an empty string. One failing run is enough."""
    return next((sample["failure"] for sample in program["samples"][library] if sample["failure"]), "")


def spread(program, library, measure):
    """Median, lowest and highest; None when the program failed or has not run."""
    samples = program["samples"][library]
    if not samples or failure(program, library):
        return None
    values = [sample.get(measure, 0) for sample in samples]
    return Spread(median(values), min(values), max(values))


def slower_than(now, then, library, margin):
    """Programs that are slower, against the first library, than they were in `then`, by more than both spreads and the
    margin: (name, lowest ratio now, highest then)."""
    before = {program["name"]: program for program in then.programs}
    found = []
    for program in now.programs:
        old = before.get(program["name"])
        ratios = [round_ratios(results, entry, library) for results, entry in ((now, program), (then, old)) if entry]
        if len(ratios) == 2 and all(ratios) and min(ratios[0]) > max(ratios[1]) * (1 + margin):
            found.append((program["name"], min(ratios[0]), max(ratios[1])))
    return found


def round_ratios(results, program, library):
    """Of each round, its time as a ratio to the first library's; empty when the program failed."""
    base = results.libraries[0]
    if library not in program["samples"] or failure(program, library) or failure(program, base):
        return []
    pairs = zip(program["samples"][library], program["samples"][base])
    return [own["seconds"] / other["seconds"] for own, other in pairs if other["seconds"]]


def describe_machine():
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release().split("-")[0],
            "libc": " ".join(platform.libc_ver()), "date": date.today().isoformat()}


PATH_OPTIONS = ("--mimalloc-bench", "--build", "--weir", "--json", "--markdown", "--compare", "--keep", "--svg",
                "--baseline")


def portable_command(arguments):
    """The command as a reader would give it: no folders of this machine in it."""
    program = Path(arguments[0]).resolve().relative_to(REPOSITORY)
    words, hide = [str(program)], False
    for argument in arguments[1:]:
        option, equals, value = argument.partition("=")
        if hide:
            argument = "DIR/" + Path(argument).name if "/" in argument else argument
        elif equals and "/" in value:
            argument = f"{option}=DIR/{Path(value).name}"
        hide = not equals and argument in PATH_OPTIONS
        words.append(argument)
    return shlex.join(words)

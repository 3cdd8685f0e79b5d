"""The families of tools/bench: what is compared with what, in Go's benchmark format.

A family is one task, and its candidates are ways to do it: each is a command under a malloc library. Their programs
print results of the same names. The others are compared to the first candidate.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .libraries import GLIBC, Library

SOURCES = Path(__file__).resolve().parents[1] / "families"


@dataclass(frozen=True)
class Candidate:
    label: str  # the column of the table
    command: tuple
    library: Library = GLIBC
    flag: str = "-"  # what the program's flags begin with


@dataclass(frozen=True)
class Family:
    name: str
    title: str
    candidates: tuple


def under_each(program, libraries):
    return [Candidate(library.name, (program,), library) for library in libraries]


def if_built(label, program, needs):
    """A candidate, if its program was built; a line on stderr if not."""
    if program.exists():
        return [Candidate(label, (program,))]
    print(f"{label}: {program.name} was not built ({needs}): left out", file=sys.stderr)
    return []


def in_go(label, folder, program):
    """The benchmarks in Go of a folder, built as `program`; a line on stderr if that cannot be."""
    if not shutil.which("go"):
        print(f"{label}: go is not installed (apt-get install golang-go): left out", file=sys.stderr)
        return []
    built = subprocess.run(["go", "test", "-c", "-o", program], cwd=folder, text=True, capture_output=True)
    if built.returncode:
        raise ValueError(f"{label}: go test -c in {folder.name}: {built.stderr.strip()}")
    return [Candidate(label, (program,), flag="-test.")]


def malloc_family(folder, libraries):
    return Family("malloc", "malloc and free", tuple(under_each(folder / "malloc", libraries)))


def pool_family(folder, libraries):
    return Family("pool", "pools", (
        *if_built("pool", folder / "pool-weir", "it needs weir"),
        *under_each(folder / "pool-malloc", libraries),
        *in_go("sync.Pool", SOURCES / "pool" / "go", folder / "pool-go")))


def arena_family(folder, libraries):
    return Family("arena", "arenas", (
        *if_built("arena", folder / "arena-weir", "it needs weir"),
        *under_each(folder / "arena-malloc", libraries),
        Candidate("obstack", (folder / "arena-obstack",)),
        *if_built("apr", folder / "arena-apr", "apt-get install libapr1-dev"),
        *if_built("talloc", folder / "arena-talloc", "apt-get install libtalloc-dev"),
        *in_go("go", SOURCES / "arena" / "go", folder / "arena-go")))


# Name → function(folder of programs, libraries) that makes the family.
FAMILIES = {"arena": arena_family, "malloc": malloc_family, "pool": pool_family}

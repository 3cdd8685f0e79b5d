"""The families of tools/bench: what is compared with what, in Go's benchmark format.

A family has candidates, ways to do the same, and each candidate is a command under a malloc library. Their programs
print results of the same names; the first candidate is what the others are compared to.
"""

from dataclasses import dataclass

from .libraries import Library


@dataclass(frozen=True)
class Candidate:
    label: str  # the column of the table
    command: tuple
    library: Library


@dataclass(frozen=True)
class Family:
    name: str
    title: str
    candidates: tuple


def malloc_family(folder, libraries):
    candidates = (Candidate(library.name, (folder / "malloc",), library) for library in libraries)
    return Family("malloc", "malloc and free", tuple(candidates))


# Name → function of the folder of programs and the libraries that makes the family.
FAMILIES = {"malloc": malloc_family}

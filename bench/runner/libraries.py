"""The malloc libraries to compare: glibc (nothing preloaded), Debian's packaged ones, weir, and any others by
path."""

import platform
import sys
from dataclasses import dataclass
from pathlib import Path


PACKAGED = (
    # name, files of which the first found is taken, Debian package
    ("jemalloc", ("libjemalloc.so.2",), "libjemalloc2"),
    ("mimalloc", ("libmimalloc.so.2.0",), "libmimalloc2.0"),
    ("tcmalloc", ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4"), "libtcmalloc-minimal4"),
)


@dataclass(frozen=True)
class Library:
    name: str
    path: Path | None  # None: nothing preloaded
    settings: tuple = ()  # of its own, as pairs of name and value

    @property
    def preload(self):
        return str(self.path) if self.path else ""


GLIBC = Library("glibc", None)


def system_file(name):
    """Where the dynamic linker keeps a library of this name, or None."""
    folders = [Path("/usr/lib") / f"{platform.machine()}-linux-gnu", Path("/usr/lib64"), Path("/usr/lib"),
               Path("/usr/local/lib")]
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def find_packaged():
    """The packaged libraries that are installed; a line on stderr for each that is not."""
    found = []
    for name, files, package in PACKAGED:
        path = next(filter(None, map(system_file, files)), None)
        if path:
            found.append(Library(name, path))
        else:
            print(f"{name} is not installed (apt-get install {package}): left out", file=sys.stderr)
    return found


def parse_extra(text):
    """NAME=path.so → Library; ValueError says what is wrong."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise ValueError(f"{text}: expected NAME=path.so")
    return Library(name, existing(path))


def existing(path):
    resolved = Path(path).resolve()
    if not resolved.is_file():
        raise ValueError(f"{path}: no such file")
    return resolved


def choose(weir, extras):
    """All libraries in the order of the tables. `weir` is a path or "none"; ValueError if one is missing."""
    chosen = [GLIBC, *find_packaged()]
    if weir != "none":
        try:
            chosen.append(Library("weir", existing(weir)))
        except ValueError as error:
            raise ValueError(f"{error} (build the release first, or give --weir PATH or none)") from None
    chosen += [parse_extra(extra) for extra in extras]
    names = [library.name for library in chosen]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{', '.join(sorted(repeated))}: name given twice")
    return chosen

"""The programs of the public mimalloc-bench (github.com/daanx/mimalloc-bench), as its bench.sh runs them.

Arguments and the choice of figure are bench.sh's: wall time, except where a program runs for a fixed time and
reports what it got done.
"""

from pathlib import Path

from .programs import Program, number_after


def programs(folder, threads):
    """`folder` is the built out/bench of a mimalloc-bench; ValueError if something is missing there."""
    folder = Path(folder).resolve()
    data = folder.parent.parent / "bench"
    n = str(threads)

    def program(name, *command, stdin=None, reported=None):
        if not (folder / command[0]).is_file():
            raise ValueError(f"{folder / command[0]}: not there: is this a built mimalloc-bench out/bench?")
        return Program(name, "mimalloc-bench", [folder / command[0], *command[1:]], stdin=stdin, cwd=folder,
                       reported=reported)

    relative_time = number_after(r" time: ([\d.]+)")
    larson = ("5", "8", "1000", "5000", "100", "4141", n)
    cache = ("1000", "1", "2000000", n)
    return [
        program("cfrac", "cfrac", "17545186520507317056371138836327483792789528"),
        program("espresso", "espresso", "../../bench/espresso/largest.espresso"),
        program("barnes", "barnes", stdin=data / "barnes" / "input"),
        program("alloc-test1", "alloc-test", "1"),
        program("alloc-testN", "alloc-test", n),
        program("larsonN", "larson", *larson, reported=relative_time),
        program("larsonN-sized", "larson-sized", *larson, reported=relative_time),
        program("xmalloc-testN", "xmalloc-test", "-w", n, "-t", "5", "-s", "64",
                reported=number_after(r"rtime: ([\d.]+)")),
        program("cache-scratch1", "cache-scratch", "1", *cache),
        program("cache-scratchN", "cache-scratch", n, *cache),
        program("cache-thrashN", "cache-thrash", n, *cache),
        program("malloc-large", "malloc-large"),
        program("mstressN", "mstress", n, "50", "25"),
        program("mleak10", "mleak", "5"),
        program("rptestN", "rptest", n, "0", "1", "2", "500", "1000", "100", "8", "16000",
                reported=number_after(r"\.\.\.(\d+) memory ops", lambda operations: 2e6 / operations)),
        program("glibc-simple", "glibc-simple"),
        program("glibc-thread", "glibc-thread", n,
                reported=number_after(r"([\d.]+) iterations", lambda iterations: 1e9 / iterations)),
    ]

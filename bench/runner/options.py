"""The arguments that bench/compare, bench/check-figures and tools/bench share, and what they stand for."""

import argparse
from pathlib import Path

from . import libraries as malloc_libraries
from .measure import Launcher

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_BUILD = REPOSITORY / "build" / "release"
WEIR_FILE = "libweir-malloc.so"


def bare_parser(description):
    """Shows the description as it is laid out."""
    return argparse.ArgumentParser(description=description,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def parser(description):
    """With the arguments that bench/compare and bench/check-figures share."""
    parser = bare_parser(description)
    add_libraries(parser)
    parser.add_argument("--json", metavar="FILE", help="write all samples as JSON too")
    return parser


def add_libraries(parser):
    """The arguments of everything that runs programs under several libraries."""
    parser.add_argument("extra", nargs="*", metavar="NAME=path.so", help="a further library")
    parser.add_argument("--build", type=Path, default=DEFAULT_BUILD, metavar="DIR",
                        help="the build tree to take weir and the workloads from (build/release)")
    parser.add_argument("--weir", metavar="PATH",
                        help=f"weir's library, or none ({WEIR_FILE} of the build tree)")
    parser.add_argument("--timeout", type=int, default=300, metavar="S",
                        help="seconds after which a run failed (300)")


def libraries(given):
    return malloc_libraries.choose(given.weir or given.build / WEIR_FILE, given.extra)


def launcher(given):
    return Launcher(bench_folder(given) / "launch", given.timeout)


def workloads(given):
    return bench_folder(given) / "workloads"


def bench_folder(given):
    """A build tree has the benchmarks under bench/, unless it was made from bench/ alone."""
    build = given.build.resolve()
    return build / "bench" if (build / "bench").is_dir() else build

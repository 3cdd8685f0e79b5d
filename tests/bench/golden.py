#!/usr/bin/env python3
"""weir benchstat prints what Go's benchstat prints.

Each golden/*.expected has the arguments in its first line and then the output, stdout and stderr, of
golang.org/x/perf/cmd/benchstat at commit 712aea8 for the made-up results beside it. The last digits of geometric
means are not compared: Go's log is not libm's. Samples of unequal size have no ties here: see statistics.c.

Those with alloc.txt are weir's own output, for expressions of golang.org/x/perf/benchproc/syntax; when they were made, weir
printed what Go's benchstat has as the expected output of its own tests of projections and filters.

    WEIR=… golden.py
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "golden"
LONG_NUMBER = re.compile(r"\d+\.\d{9,}")


def rounded(text):
    return LONG_NUMBER.sub(lambda number: f"{float(number[0]):.12g}", text)


def main():
    wrong = 0
    cases = sorted(FOLDER.glob("*.expected"))
    for case in cases:
        arguments, _, expected = case.read_text().partition("\n")
        result = subprocess.run([os.environ["WEIR"], "benchstat", *shlex.split(arguments)], cwd=FOLDER, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
        if rounded(result.stdout) != rounded(expected):
            wrong += 1
            print(f"{case.name}: weir benchstat {arguments} prints\n{result.stdout}\ninstead of\n{expected}")
    print(f"{len(cases) - wrong} of {len(cases)} as expected")
    return 1 if wrong or not cases else 0


sys.exit(main())

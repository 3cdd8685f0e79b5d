#!/usr/bin/env python3
"""Runs what a document prints: the commands as they stand there, in their order, in one scratch directory.

    run-document.py DOCUMENT

    ```sh       is run by bash; it has to end with status 0
    ```c        is written to the file that the comment before it names
    ```text     behind the comment "output": each of its lines has to be among what the last block printed;
                numbers and the width of spaces are not compared, and a line "..." stands for lines left out;
                behind "output exactly" numbers are compared too
    other       is not looked at

The comments stand in the line before the block:

    <!-- file: NAME -->          of a C program, which a later block compiles
    <!-- output -->              of the block before; or: output exactly
    <!-- ends with: STATUS -->   not 0, for once; 128 + a signal's number, as a shell has it
    <!-- not run: REASON -->     needs root, the network, or minutes

The scratch directory looks like the source directory after a build: tools, tests, bench, docs, and build/release,
which is the build under test. The installed tree is in the paths. From the environment (ctest sets it): SOURCE,
BUILD, PREFIX, LIBDIR.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"(?:^ *<!-- (?P<comment>[^\n]*) -->\n)?^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.M | re.S)
NUMBER = re.compile(r"0x[0-9a-f]+|\d+(\.\d+)?( ?([KMGT]i)?B\b)?")
NEEDED = ["bash", "cc", "curl", "pkg-config", "python3", "sqlite3"]
HANG = 600  # seconds: far beyond what the slowest and busiest machine needs
SKIPPED = 77


class Wrong(Exception):
    pass


def prepare(scratch):
    """Lay the scratch directory out; returns the environment for its commands."""
    source, build = Path(os.environ["SOURCE"]), Path(os.environ["BUILD"])
    for name in ("tools", "tests", "bench", "docs"):
        (scratch / name).symlink_to(source / name)
    (scratch / "build").mkdir()
    (scratch / "build" / "release").symlink_to(build)
    prefix, libraries = os.environ["PREFIX"], os.environ["LIBDIR"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return environment | {
        "HOME": str(scratch),
        "LC_ALL": "C",
        "PATH": f"{prefix}/bin:{os.environ['PATH']}",
        "LIBRARY_PATH": libraries,
        "LD_LIBRARY_PATH": libraries,
        "PKG_CONFIG_PATH": f"{libraries}/pkgconfig",
    }


def run(commands, expected, scratch, environment):
    """The output of a block, of stdout and stderr."""
    try:
        result = subprocess.run(["bash", "-e", "-c", commands], cwd=scratch, env=environment, text=True,
                                timeout=HANG, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise Wrong(f"takes more than {HANG} s") from error
    status = result.returncode if result.returncode >= 0 else 128 - result.returncode
    if status != expected:
        raise Wrong(f"ends with {status}, not {expected}:\n{result.stdout}")
    return result.stdout


def essence(line, exactly):
    return " ".join((line if exactly else NUMBER.sub("N", line)).split())


def compare(printed, output, exactly):
    """Does the output have every line that the document says it has?"""
    have = {essence(line, exactly) for line in output.splitlines()}
    for line in printed.splitlines():
        if line.strip() not in ("", "...") and essence(line, exactly) not in have:
            raise Wrong(f"prints no such line: {line}\n--- but ---\n{output}")


def check_block(block, state, scratch, environment):
    """True if there was anything to do."""
    key, _, value = (block["comment"] or "").partition(": ")
    language, text = block["language"], block["text"]
    if language == "sh" and key != "not run":
        state["output"] = ""
        state["output"] = run(text, int(value) if key == "ends with" else 0, scratch, environment)
    elif language == "c":
        if key != "file":
            raise Wrong("a C program needs a name: <!-- file: NAME -->")
        (scratch / value).write_text(text)
    elif language == "text" and key in ("output", "output exactly"):
        compare(text, state["output"], key == "output exactly")
    else:
        return False
    return True


def check_document(document, scratch, environment):
    text = document.read_text()
    blocks = list(BLOCK.finditer(text))
    if 2 * len(blocks) != len(re.findall("^ *```", text, re.M)):
        sys.exit(f"{document.name}: a block that is not closed, or not understood")
    state = {"output": ""}
    done = wrong = 0
    for block in blocks:
        place = f"{document.name}:{text.count(chr(10), 0, block.start('text'))}"
        try:
            done += check_block(block, state, scratch, environment)
        except Wrong as error:
            wrong += 1
            print(f"{place}: {error}", file=sys.stderr)
    print(f"{document.name}: of {len(blocks)} blocks {done} tried and as printed, {wrong} not")
    return wrong == 0


def main():
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        print(f"SKIPPED: not installed: {' '.join(missing)}")
        return SKIPPED
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="weir-docs.") as scratch:
        environment = prepare(Path(scratch))
        return 0 if check_document(Path(sys.argv[1]), Path(scratch), environment) else 1


sys.exit(main())

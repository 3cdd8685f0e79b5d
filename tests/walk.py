#!/usr/bin/env python3
"""docs/walk.md is true: each function stands in the file that the walk names, and calls those indented below it, in their order.

    tests/walk.py [SOURCE-DIR]

A block after `<!-- walk -->` has lines `NN  name   file   comment`: a number, which counts the lines of an operation from 1, and
a function; two more spaces before the name are one level.
"""

import pathlib
import re
import sys

LINE = re.compile(r"^ ?(\d+)  ( *)(\w+) +([\w./]+\.[ch])\b")


def walks(text):
    """The blocks, each with the number that its first line has to have."""
    for operation in re.split(r"^## ", text, flags=re.M):
        first = 1
        for block in re.findall(r"<!-- walk -->\n```text\n(.*?)```", operation, re.S):
            lines = [LINE.match(line) or line for line in block.splitlines()]
            yield first, lines
            first += len(lines)


def without_comments(code):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", code, flags=re.S)


def body(code, name):
    """The text between the braces of the function's definition; None if it is not defined here."""
    for match in re.finditer(r"^[A-Za-z_].*\b%s\(" % name, code, re.M):
        opening = code.find("{", match.end())
        semicolon = code.find(";", match.end())
        if opening < 0 or 0 <= semicolon < opening:
            continue
        depth = 0
        for i in range(opening, len(code)):
            depth += {"{": 1, "}": -1}.get(code[i], 0)
            if depth == 0:
                return code[opening : i + 1]
    return None


def faults(root):
    document = root / "docs/walk.md"
    steps = 0
    for first, lines in walks(document.read_text()):
        callers = []  # of each level: name, body, where its last callee was found
        for number, line in enumerate(lines, first):
            if isinstance(line, str):
                yield f"not a line of a walk: {line}"
                continue
            steps += 1
            if int(line[1]) != number:
                yield f"{line[3]}: has number {line[1]}, and is number {number}"
            level, name, path = len(line[2]) // 2, line[3], line[4]
            source = root / path
            text = body(without_comments(source.read_text()), name) if source.exists() else None
            if text is None:
                yield f"{name}: not defined in {path}"
                return
            callers = callers[:level]
            if callers:
                caller, code, after = callers[-1]
                called = re.compile(r"\b%s\(" % name).search(code, after)
                if not called:
                    yield f"{caller} does not call {name} after what the walk names before it"
                else:
                    callers[-1] = (caller, code, called.start())
            callers.append((name, text, 0))
    if steps == 0:
        yield "docs/walk.md has no walk"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(faults(root))
    for fault in found:
        print(f"docs/walk.md: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

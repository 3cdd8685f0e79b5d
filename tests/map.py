#!/usr/bin/env python3
"""The map of CONTRIBUTING.md is complete, and what documents name exists.

    tests/map.py [SOURCE-DIR]

1. Each C source of the product stands in CONTRIBUTING.md, by its name without the ending.
2. Each path in the form `folder/name` that a document names exists.
3. Each function in the form `module_verb()`, and each public name `weir_...`, that a document names is in some source.
"""

import pathlib
import re
import sys

PRODUCT = ("runtime", "pool", "arena", "tools/weir", "bench/harness")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/*.md", "examples/*.md")
TOP = ("runtime", "pool", "arena", "include", "bench", "tests", "docs", "tools", "examples")
# What a document may name though it is no file of the tree: made by a build, or by a command that is shown.
MADE = ("docs/sweep",)


def product_sources(root):
    for folder in PRODUCT:
        yield from sorted((root / folder).rglob("*.c"))


def unmapped(root):
    words = set(re.findall(r"[\w.]+", (root / "CONTRIBUTING.md").read_text()))
    for source in product_sources(root):
        if source.stem not in words:
            yield f"{source.relative_to(root)}: not in the map of CONTRIBUTING.md"


def documents(root):
    for pattern in DOCUMENTS:
        yield from sorted(root.glob(pattern))


def missing_paths(root, document, text):
    for path in sorted(set(re.findall(r"`((?:%s)/[\w./-]+)`" % "|".join(TOP), text))):
        if path in MADE or any(root.glob(path.rstrip("/") + "*")):
            continue
        yield f"{document.relative_to(root)}: {path} does not exist"


def missing_functions(root, document, text, code):
    for name in sorted(set(re.findall(r"`(weir_\w+(?=`)|\w+(?=\(\)`))", text))):
        if name not in code:
            yield f"{document.relative_to(root)}: {name} is in no source"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    code = set()
    for folder in TOP:
        for source in (root / folder).rglob("*"):
            if source.is_file() and source.suffix in (".c", ".h", ".cc", ".def", ".txt", ".cmake", ".py", ".sh"):
                code.update(re.findall(r"\w+", source.read_text(errors="replace")))
    faults = list(unmapped(root))
    for document in documents(root):
        text = document.read_text()
        faults += missing_paths(root, document, text)
        faults += missing_functions(root, document, text, code)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

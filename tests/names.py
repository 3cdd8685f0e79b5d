#!/usr/bin/env python3
"""One name, one thing: a debugger's breakpoint or `ptype` cannot tell two things of one name apart.

    tests/names.py [SOURCE-DIR]

1. In a program, or in the library, each type (typedef, struct, union, enum) is defined once.
2. In a folder, no two sources have a static function of the same name.
"""

import collections
import pathlib
import re
import sys

# What is linked together.
PROGRAMS = (("runtime", "pool", "arena", "include"), ("tools/weir",), ("bench/harness",))

TYPE = re.compile(r"^(?:typedef )?(?:struct|union|enum) (\w+) \{|^\}.*?\b(\w+)_t;|^typedef [^{};()]*?\b(\w+)_t;", re.M)
STATIC = re.compile(r"^(?:[A-Za-z_][\w() ,\"*]*? )?(?:static|AS_MODE)\b[^;={}#]*?\b(\w+)\([^;{}]*\)\n\{", re.M)


def without_comments(code):
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda found: re.sub(r"[^\n]", "", found[0]), code, flags=re.S)


def sources(root, folders, pattern):
    for folder in folders:
        for source in sorted((root / folder).rglob("*.[ch]")):
            if source.match(pattern):
                yield source, without_comments(source.read_text())


def repeated(found):
    return sorted((name, sorted(places)) for name, places in found.items() if len(places) > 1)


def repeated_types(root, folders):
    found = collections.defaultdict(set)
    for source, code in sources(root, folders, "*.[ch]"):
        for match in TYPE.finditer(code):
            found[match[1] or match[2] or match[3]].add(str(source.relative_to(root)))
    return repeated(found)


def repeated_functions(root, folders):
    found = collections.defaultdict(set)
    for source, code in sources(root, folders, "*.c"):
        for match in STATIC.finditer(code):
            found[(str(source.parent.relative_to(root)), match[1])].add(source.name)
    return repeated(found)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    failed = False
    for folders in PROGRAMS:
        for name, places in repeated_types(root, folders):
            print(f"type {name}: {', '.join(places)}")
            failed = True
        for (folder, name), places in repeated_functions(root, folders):
            print(f"function {name}: {folder}: {', '.join(places)}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A build by Make takes its targets in the right order: a target whose rules need an object of another target depends on that
target. Ninja sees this through the file; Make reads the rules of each target by themselves, and says "No rule to make target".
Configures for Make in a scratch folder, builds nothing, and compares what cmake has written.

    make-order.py SOURCE-DIR
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

OBJECT = re.compile(r"^\S+: (?:\S*/)?CMakeFiles/([^/]+)\.dir/\S+\.o$", re.MULTILINE)
ORDER = re.compile(r"^(?:\S*/)?CMakeFiles/([^/]+)\.dir/all: (?:\S*/)?CMakeFiles/([^/]+)\.dir/all$", re.MULTILINE)


def main():
    with tempfile.TemporaryDirectory(prefix="weir-make-") as folder:
        configured = subprocess.run(["cmake", "-G", "Unix Makefiles", "-S", sys.argv[1], "-B", folder], capture_output=True,
                                    text=True, check=False)
        if configured.returncode:
            sys.exit(f"make-order: cmake failed:\n{configured.stderr}")
        order = set(ORDER.findall((Path(folder) / "CMakeFiles" / "Makefile2").read_text()))
        needed = {(rules.parent.name.removesuffix(".dir"), needs) for rules in Path(folder).rglob("build.make")
                  for needs in OBJECT.findall(rules.read_text())}
    needed = {(target, needs) for target, needs in needed if target != needs}
    if not needed:
        sys.exit("make-order: found no target that needs another one's objects: has the form of the files changed?")
    missing = sorted(needed - order)
    for target, needs in missing:
        print(f"{target} needs objects of {needs}: add_dependencies({target} {needs})")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())

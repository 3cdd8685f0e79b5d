"""What weir layout says of structs, against pahole, the compiler, and programs that print their own structs.

    layout.py pahole FILE        sizes, holes and padding of all structs, against pahole(1)
    layout.py proof FILE         each order that it suggests has the size that it says: the compiler's _Static_assert
    layout.py source SEED        C source with structs of all kinds at random; it prints sizes and offsets when it runs
    layout.py truth FILE         what the built program prints, against what weir layout says
"""

import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = os.environ["WEIR"]
CC = os.environ.get("CC", "cc")


def types(path):
    done = subprocess.run([WEIR, "layout", "--all", "--system", "--json", path], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["types"]


# --- pahole ---

NUMBERS = {"size": r"size: (\d+)", "holes": r"holes: (\d+), sum holes", "hole_bytes": r"sum holes: (\d+)",
           "bit_holes": r"bit holes: (\d+)", "hole_bits": r"sum bit holes: (\d+)", "padding": r"[^_]padding: (\d+)",
           "bit_padding": r"bit_padding: (\d+)"}


def of_pahole(path):
    """(name, numbers) of each struct."""
    text = subprocess.run(["pahole", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for block in re.finditer(r"^(?:struct|class) ([\w:<>, ]+?)(?: : [^{]*)? \{\n(.*?)^\};?", text, re.M | re.S):
        last = "\n".join(re.findall(r"^\t(/\*.*\*/)$", block[2], re.M))
        found = {name: re.search(pattern, last) for name, pattern in NUMBERS.items()}
        if found["size"]:
            yield block[1], {name: int(match[1]) if match else 0 for name, match in found.items()}


def pahole(path):
    ours = collections.defaultdict(list)
    for one in types(path):
        if any("tomic" in member["type"] for member in one["members"]):
            continue
        ours[one["name"].split("::")[-1]].append({name: one[name] for name in NUMBERS})
    compared = wrong = 0
    for name, numbers in of_pahole(path):
        if name not in ours:  # or of a type that pahole 1.24 does not know
            continue
        compared += 1
        if numbers not in ours[name]:
            wrong += 1
            print(f"{name}: pahole {numbers}\n    here {ours[name][:3]}")
    print(f"{path}: {compared} structs are the same, but {wrong}")
    return wrong == 0 and compared > 0


# --- the compiler ---

def declaration(number, member):
    unsigned = {1: "unsigned char", 2: "unsigned short", 4: "unsigned", 8: "unsigned long", 16: "unsigned __int128"}
    if member["kind"] == "bits":
        return f"{unsigned[member['size']]} m{number} : {member['bits']};"
    inner = f"struct {{ _Alignas({member['align']}) unsigned char b[{member['size']}]; }} m{number};"
    if member["kind"] == "flexible":
        return f"struct {{ _Alignas({member['align']}) unsigned char b; }} m{number}[];"
    return inner if member["size"] else f"struct {{}} m{number};"


def proof(path):
    lines, count = [], 0
    for one in types(path):
        members = one["members"]
        if "best" not in one or any(member["kind"] in ("base", "table") for member in members):
            continue
        body = " ".join(declaration(i, members[i]) for i in one["best"]["order"])
        lines.append(f"struct t{count} {{ {body} }}; /* {one['name']} */\n"
                     f"_Static_assert(sizeof(struct t{count}) == {one['best']['size']}, \"{one['name']}\");")
        assert one["best"]["size"] < one["size"] and sorted(one["best"]["order"]) == list(range(len(members))), one
        count += 1
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "proof.c")
        source.write_text("\n".join(lines))
        done = subprocess.run([CC, "-std=gnu11", "-fsyntax-only", source])
    print(f"{path}: {count} orders")
    return done.returncode == 0 and count > 0


# --- structs at random ---

PLAIN = ["char", "short", "int", "long", "double", "void *", "long double", "_Bool", "unsigned char", "float", "enum e"]
BITS = {"unsigned char": 8, "unsigned short": 16, "unsigned": 32, "unsigned long": 64, "int": 32}


def random_member(chance, number, before):
    kind = chance.random()
    if kind < 0.2:
        base = chance.choice(list(BITS))
        return f"{base} m{number} : {chance.randint(1, BITS[base])};", False
    if kind < 0.23:
        return "int : 0;", None
    if kind < 0.26:
        return f"_Alignas({chance.choice([16, 32])}) int m{number};", True
    if kind < 0.4:
        return f"{chance.choice(PLAIN[:5])} m{number}[{chance.randint(1, 9)}];", True
    if kind < 0.5 and before:
        return f"struct s{chance.choice(before)} m{number};", True
    return f"{chance.choice(PLAIN)} m{number};", True


def source(seed):
    chance = random.Random(seed)
    print("#include <stddef.h>\n#include <stdio.h>\nenum e { zero };")
    checks, plain = [], []
    for number in range(400):
        members = [random_member(chance, i, plain[-20:]) for i in range(chance.randint(1, 12))]
        names = [re.search(r"m\d+", text)[0] for text, has_offset in members if has_offset]
        packed = chance.random() < 0.05
        keyword = "union" if chance.random() < 0.05 else "struct"
        tail = "int last[];" if keyword == "struct" and names and chance.random() < 0.1 else ""
        body = " ".join(text for text, _ in members)
        print(f"{keyword} s{number} {{ {body} {tail} }} {'__attribute__((packed))' if packed else ''};")
        print(f"{keyword} s{number} v{number};" if not tail else f"struct s{number} *v{number};")
        if keyword == "struct" and not tail:
            plain.append(number)
        checks.append(f'printf("s{number} %zu", sizeof({keyword} s{number}));')
        checks += [f'printf(" {name}=%zu", offsetof({keyword} s{number}, {name}));' for name in names]
        checks.append('puts("");')
    print("int main(void)\n{\n" + "\n".join(checks) + "\n}")
    return True


def truth(path):
    ours = {one["name"]: one for one in types(path)}
    lines = subprocess.run([os.environ.get("LAYOUT_RUNS", path)], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for line in lines:
        name, size, *offsets = line.split()
        one = ours[name]
        there = {member["name"]: member["offset"] for member in one["members"]}
        assert one["size"] == int(size), (line, one)
        for offset in offsets:
            member, number = offset.split("=")
            assert there[member] == int(number), (line, one)
        if one["keyword"] == "struct":
            parts = sum(member["bits"] if member["kind"] == "bits" else 8 * member["size"] for member in one["members"])
            gaps = 8 * (one["hole_bytes"] + one["padding"]) + one["hole_bits"] + one["bit_padding"]
            assert parts + gaps == 8 * one["size"], (line, one)
    print(f"{path}: {len(lines)} structs")
    return len(lines) > 100


if __name__ == "__main__":
    command, argument = sys.argv[1:]
    sys.exit(0 if {"pahole": pahole, "proof": proof, "source": source, "truth": truth}[command](argument) else 1)

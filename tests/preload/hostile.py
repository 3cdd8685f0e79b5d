#!/usr/bin/env python3
"""Writes a heap profile with the largest and smallest numbers that its format has.

    hostile.py PROGRAM SOURCE LINE VALUE REQUESTED [KEY=NUMBER]... >PROFILE

Two samples of one call, in the line of the source that the program was built of, have VALUE four times, and REQUESTED bytes; the
labels are those of WEIR_DEBUG=escape=1, all with the largest number, or with what KEY=NUMBER says.
"""

import os
import sys

LABELS = ("bytes passed frame free changed returned place least most live live_bytes emptied grown chains links copied "
          "final_least final_most").split()
TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
MOST = 2**64 - 1


def varint(value):
    encoded = bytearray()
    value &= MOST
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def sample(strings, value, labels):
    message = text(1, varint(1)) + text(2, 4 * varint(value))
    for key, found in labels.items():
        kind = 2 if key == "escape" else 3
        message += text(3, number(1, strings.index(key)) + number(kind, found))
    return message


def main():
    program, source, line, value, requested = sys.argv[1:6]
    labels = {key: MOST for key in LABELS} | {"requested": int(requested)}
    labels |= {key: int(found) for key, found in (more.split("=") for more in sys.argv[6:])}
    strings = ["", *TYPES, "make", os.path.realpath(source), os.path.realpath(program), "escape", "unknown", *labels]
    labels["escape"] = strings.index("unknown")
    profile = b"".join(text(1, number(1, strings.index(kind))) for kind in TYPES)
    profile += 2 * text(2, sample(strings, int(value), labels))
    profile += text(3, number(1, 1) + number(2, MOST - 1) + number(3, MOST) + number(4, MOST) + number(5, 7))
    profile += text(4, number(1, 1) + number(2, 1) + number(3, 1) + text(4, number(1, 1) + number(2, int(line))))
    profile += text(5, number(1, 1) + number(2, 5) + number(4, 6))
    profile += b"".join(text(6, string.encode()) for string in strings)
    sys.stdout.buffer.write(profile + number(12, 1))


main()

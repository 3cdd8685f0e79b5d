"""numpy as it is used: expressions over arrays of 1 to 64 MiB, whose temporaries come and go.

The argument multiplies the work; the output depends on nothing else.
"""

import sys

import numpy


def main(amount):
    total = 0.0
    for turn in range(amount):
        for shift in range(17, 24):  # 2^17 doubles are 1 MiB
            size = (1 << shift) - turn * 512
            x = numpy.arange(size, dtype=numpy.float64)
            y = numpy.sqrt(x * 2.0 + 1.0) - x / 3.0
            z = numpy.where(y > 0, y * y, -y) + numpy.roll(x, turn + 1)
            total += float(z[size // 3]) + float((x + y).mean())
    print(f"{total:.6e}")


main(int(sys.argv[1]))

"""A line on stderr that says how far things are: rewritten on a terminal, one line per program elsewhere."""

import sys
import time


class Progress:
    def __init__(self, total):
        self.total = total
        self.done = 0
        self.begin = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def show(self, text):
        if self.terminal:
            print(f"\r{self.position()} {text}{self.remaining()}\033[K", end="", file=sys.stderr, flush=True)

    def step(self):
        self.done += 1

    def milestone(self, text):
        """Worth a line of its own where lines cannot be rewritten."""
        if not self.terminal:
            print(f"{self.position()} {text}", file=sys.stderr, flush=True)

    def finish(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def position(self):
        return f"[{self.done}/{self.total}]"

    def remaining(self):
        if not self.done:
            return ""
        seconds = (time.monotonic() - self.begin) / self.done * (self.total - self.done)
        return f", {seconds / 60:.0f} min to go" if seconds > 90 else f", {seconds:.0f} s to go"

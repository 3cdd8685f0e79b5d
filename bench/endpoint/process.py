"""A program at work under weir, of which one can see how fast it works and what its other threads take.

The kernel counts a thread's time on a processor, in ns (/proc/PID/task/TID/schedstat). Other load on the machine changes neither
that time nor the work done in it, except through the caches. The program is stopped (SIGSTOP) while another one is measured.
"""

import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


SETTLING = 0.1  # seconds after the program was continued: each of its threads has seen the signal


@dataclass(frozen=True)
class Window:
    rounds: int   # of the program's work
    work_ns: int  # processor time of the thread that works
    other_ns: int  # of all its other threads
    wall_ns: int

    @property
    def rate(self):
        return self.rounds / self.work_ns

    @property
    def share(self):
        return self.other_ns / self.wall_ns


class Process:
    def __init__(self, build, folder, name, http=None):
        self.file = folder / f"{name}.count"
        self.file.write_bytes(bytes(4096))
        with self.file.open("r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 4096)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
        environment["LD_PRELOAD"] = str(build / "libweir-malloc.so")
        if http:
            environment["WEIR_HTTP"] = http
        self.child = subprocess.Popen([build / "bench/endpoint/works", self.file], env=environment)
        while self.rounds() < 1000:  # it has all its blocks
            if self.child.poll() is not None:
                sys.exit(f"bench/endpoint: the program ended with {self.child.returncode}")
            time.sleep(0.01)

    def rounds(self):
        return struct.unpack("Q", self.shared[:8])[0]

    def times(self):
        """The working thread's time and that of the others, in ns."""
        work = other = 0
        for task in Path(f"/proc/{self.child.pid}/task").iterdir():
            spent = int((task / "schedstat").read_text().split()[0])
            if task.name == str(self.child.pid):
                work = spent
            else:
                other += spent
        return work, other

    def resident(self):
        return int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def stop(self):
        self.child.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.child.send_signal(signal.SIGCONT)

    def watch(self, seconds, each_second=None):
        """A Window of so many seconds; each_second is called at its start and every second."""
        time.sleep(SETTLING)
        rounds, (work, other) = self.rounds(), self.times()
        begun = time.monotonic()
        for second in range(seconds):
            if each_second:
                each_second()
            time.sleep(max(0, begun + second + 1 - time.monotonic()))
        after = self.times()
        wall = round(1e9 * (time.monotonic() - begun))
        return Window(self.rounds() - rounds, after[0] - work, after[1] - other, wall)

    def end(self):
        self.go_on()
        self.child.kill()
        self.child.wait()

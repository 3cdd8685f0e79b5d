"""Runs one program once under one library and says what it cost.

The program is started by bench/launch, a small static program that waits for it (wait4) and reports wall time,
CPU time and ru_maxrss: started from here, every small program would inherit Python's own resident size as a
floor. """

import os
import re
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

FOREIGN_SETTINGS = ("LD_", "WEIR_", "MALLOC_", "GLIBC_TUNABLES", "MIMALLOC_", "TCMALLOC_", "PYTHON",
                    "GC_", "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG")


@dataclass
class Sample:
    seconds: float = 0.0
    rss_kib: int = 0
    output: str = ""
    errors: str = ""  # what it wrote to its standard error
    failure: str = ""  # empty: the run counts
    cpu_seconds: float = 0.0
    average_rss_kib: float = 0.0  # over time, of all processes of the program together
    instructions: int = 0  # of all processes of the program together, if they were counted


class Launcher:
    """Starts programs; a program still running after `timeout` seconds is killed and has failed."""

    def __init__(self, path, timeout):
        self.path = path
        self.timeout = timeout
        if not os.access(path, os.X_OK):
            raise ValueError(f"{path}: no such program (build the release first, or give --build DIR)")

    def run(self, library, command, stdin=None, cwd=None, environment=()):
        running = self.start(library, command, stdin, cwd, environment)
        return running.finish()

    def start(self, library, command, stdin=None, cwd=None, environment=()):
        return Running(self, library, command, stdin, cwd, environment)


class CountingLauncher(Launcher):
    """Starts programs that have a library preloaded under valgrind's cachegrind, which counts instructions. The count is
    the same in each run, whatever else the machine is doing. System calls cost nothing there."""

    COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")

    def start(self, library, command, stdin=None, cwd=None, environment=()):
        if not library.preload:
            return super().start(library, command, stdin, cwd, environment)
        logs = tempfile.TemporaryDirectory(prefix="weir-counts-")
        counter = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes",
                   "--cachegrind-out-file=/dev/null", f"--log-file={logs.name}/%p"]
        return Counted(super().start(library, [*counter, *command], stdin, cwd, environment), logs)


class Counted:
    """What is being counted: as Running."""

    def __init__(self, running, logs):
        self.running, self.logs = running, logs

    def kill(self):
        self.running.kill()

    def finish(self):
        sample = self.running.finish()
        with self.logs:
            for log in Path(self.logs.name).iterdir():
                for count in CountingLauncher.COUNT.findall(log.read_text(errors="replace")):
                    sample.instructions += int(count.replace(",", ""))
        if not sample.failure and not sample.instructions:
            sample.failure = "nothing was counted: is valgrind installed?"
        return sample


class Running:
    def __init__(self, launcher, library, command, stdin, cwd, environment):
        self.timeout = launcher.timeout
        self.report, report_write = os.pipe()
        self.output = tempfile.TemporaryFile()
        self.errors = tempfile.TemporaryFile()
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL
        try:
            self.process = subprocess.Popen(
                [launcher.path, str(report_write), *map(str, command)], stdin=source, stdout=self.output,
                stderr=self.errors, cwd=cwd, env=clean_environment(library, dict(environment)),
                pass_fds=(report_write,), start_new_session=True)
        finally:
            os.close(report_write)
            if stdin:
                source.close()
        self.watch = RssWatch(self.process.pid)

    def finish(self):
        """Waits for the end; returns the Sample."""
        late = False
        try:
            self.process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            late = True
            self.kill()
        except KeyboardInterrupt:
            self.kill()
            raise
        average = self.watch.finish()
        with os.fdopen(self.report) as report, self.output as output, self.errors as errors:
            words = [] if late else report.read().split()
            output.seek(0)
            errors.seek(0)
            complaint = errors.read().decode(errors="replace")
            sample = Sample(output=output.read().decode(errors="replace"), errors=complaint)
        if late:
            sample.failure = f"still running after {self.timeout} s"
        elif len(words) != 5:
            sample.failure = "could not be started"
        else:
            sample.seconds, sample.rss_kib = float(words[0]), int(words[1])
            sample.cpu_seconds = float(words[4])
            sample.average_rss_kib = average
            sample.failure = describe_exit(int(words[2]), int(words[3]))
        if "cannot be preloaded" in complaint:
            sample.failure = "the library cannot be preloaded"
        elif sample.failure and complaint.strip():
            sample.failure += f" ({complaint.strip().splitlines()[-1][:100]})"
        return sample

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class RssWatch(threading.Thread):
    """Looks every INTERVAL how much memory the launcher's children, and theirs, have resident."""
    INTERVAL = 0.02  # seconds

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.over = threading.Event()
        self.looks, self.sum_kib = 0, 0
        self.start()

    def run(self):
        while not self.over.wait(self.INTERVAL):
            resident = sum(map(resident_kib, descendants(self.pid)))
            if resident:
                self.looks += 1
                self.sum_kib += resident

    def finish(self):
        """The average; 0 for a program that was over too soon."""
        self.over.set()
        self.join()
        return self.sum_kib / self.looks if self.looks else 0.0


def descendants(pid):
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return children + [grandchild for child in children for grandchild in descendants(child)]


def resident_kib(pid):
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    except (OSError, IndexError):
        return 0


def describe_exit(code, signal_number):
    if signal_number:
        return f"killed by {signal.Signals(signal_number).name}"
    return f"exit status {code}" if code else ""


def clean_environment(library, additions):
    """The caller's environment without settings that could steer a malloc or a collector, plus the preload."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
    kept["LC_ALL"] = "C.UTF-8"
    if library.preload:
        kept["LD_PRELOAD"] = library.preload
    return kept | additions | dict(library.settings)

"""Exactly what CI runs: format, lint, types, ladder, tests, recorded cases.

The steps stand in lanes that run side by side; no step stops the others, and each is told with its output when it has
ended. The last line is `N passed, N failed`: tests, recorded cases and the other steps together.

A few tests that fail while everything runs side by side are tried again alone, at the end. One that passes then does
not stop a change, but it is a defect, of the test or of what it tests, and is named for what it is: unsteady.

    scripts/check            everything
    scripts/check quick      without the system tests and the recorded cases
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLOSING = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")

PYTEST = ["python", "-m", "pytest", "-q", "--durations=15", "-o"]  # and where to note what failed
AGAIN = ["--last-failed", "--last-failed-no-failures=none", "-rp"]
AGAIN_LIMIT = 5  # tests of a step; more are no accident
FORMER_HALF, LATTER_HALF = "*/system/test_[!m-z]*", "*/system/test_[m-z]*"
# Plain test runs over separate places: what waits for daemons and time limits leaves the processor to the others.
LANES = (
    {
        "format": ["ruff", "format", "--check", "."],
        "lint": ["ruff", "check", "."],
        "types": ["mypy"],
        "ladder": ["lint-imports"],
        "recorded cases": ["python", "scripts/vectors.py"],
    },
    {"tests": [*PYTEST, "cache_dir=.pytest_cache/tests", "tests", "--ignore=tests/system", "--ignore=tests/torture"]},
    {
        "system tests a-l, torture": [
            *PYTEST,
            "cache_dir=.pytest_cache/a-l",
            "tests/system",
            "tests/torture",
            f"--ignore-glob={LATTER_HALF}",
        ]
    },
    {"system tests m-z": [*PYTEST, "cache_dir=.pytest_cache/m-z", "tests/system", f"--ignore-glob={FORMER_HALF}"]},
)
NOT_QUICK = ("system tests", "recorded cases")
COUNTED = ("tests", "recorded cases")  # in these words of a step's name; the others are one each


class Tally(NamedTuple):
    """How a step or several came out, and the names of those that failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    unhappy: tuple[str, ...] = ()
    unsteady: int = 0  # tests among those that passed

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def count(name: str, status: int, output: str) -> Tally:
    """What a step's exit status and its closing line, if it has one, say."""
    last = output.rstrip().rpartition("\n")[2]
    numbers = {word.rstrip("s"): int(number) for number, word in CLOSING.findall(last)}
    passed, failed = numbers.get("passed", 0), numbers.get("failed", 0) + numbers.get("error", 0)
    if not numbers or not any(words in name for words in COUNTED):
        passed, failed = int(status == 0), int(status != 0)
    failed = max(failed, int(status != 0))
    return Tally(passed, failed, numbers.get("skipped", 0), (name,) if failed else ())


class Lanes:
    """Runs every lane in a thread of its own."""

    def __init__(self, lanes: list[dict[str, list[str]]]) -> None:
        self.total = Tally()
        self._printing = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()
        self._again: list[tuple[str, list[str], Tally]] = []
        self._is_stopped = False
        self._threads = [threading.Thread(target=self._run_lane, args=(lane,)) for lane in lanes]

    def run(self) -> Tally:
        """Run them all to the end."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        for name, command, tally in self._again:
            if not self._is_stopped:
                self._try_again(name, command, tally)
        return self.total

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Begin no other step, and interrupt those that run: they tidy up as after Ctrl-C."""
        self._is_stopped = True
        for process in list(self._processes):
            process.send_signal(signal.SIGINT)

    def _run_lane(self, lane: dict[str, list[str]]) -> None:
        for name, command in lane.items():
            if self._is_stopped:
                tally = Tally(failed=1, unhappy=(f"{name} (not run)",))
            else:
                tally = self._run_step(name, command)
            with self._printing:
                self.total = self.total.plus(tally)
                if "pytest" in command and tally.passed and 0 < tally.failed <= AGAIN_LIMIT:
                    self._again.append((name, command, tally))

    def _try_again(self, name: str, command: list[str], before: Tally) -> None:
        """Those that failed, alone. Only if each of them passes is the step's failure taken back."""
        after = self._run_step(f"{name}: unsteady?", [*command, *AGAIN])
        if after.failed == 0 and after.passed == before.failed:
            self.total = Tally(
                self.total.passed + after.passed,
                self.total.failed - before.failed,
                self.total.skipped,
                tuple(other for other in self.total.unhappy if other != name),
                self.total.unsteady + after.passed,
            )

    def _run_step(self, name: str, command: list[str]) -> Tally:
        """Run one, then print what it said."""
        path = os.path.join(TOP, ".venv", "bin")
        # Some workplaces forbid compiled files; hundreds of programs that each compile the package cost more than they.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PATH"] = path + os.pathsep + os.environ.get("PATH", "/usr/bin:/bin")
        started = time.monotonic()
        with subprocess.Popen(
            [os.path.join(path, command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=TOP,
            env=environment,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            self._processes.add(process)
            output, _ = process.communicate()
            self._processes.discard(process)
        tally = count(name, process.returncode, output)
        verdict = "FAILED" if tally.failed else "passed"
        with self._printing:
            print(f"\n== {name}: {' '.join(command)}\n{output.rstrip()}", flush=True)
            print(f"== {name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
        return tally


def main(arguments: list[str]) -> int:
    """Run the steps; 0 only if all of them were content."""
    lanes = list(LANES)
    if arguments == ["quick"]:
        lanes = [{name: lane[name] for name in lane if not name.startswith(NOT_QUICK)} for lane in LANES]
    elif arguments:
        print(__doc__)
        return 2
    lanes = [lane for lane in lanes if lane]
    running = Lanes(lanes)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, running.stop)
    print(f"running side by side: {'; '.join(', '.join(lane) for lane in lanes)}", flush=True)
    total = running.run()
    skipped = f"; {total.skipped} skipped" if total.skipped else ""
    skipped += f"; {total.unsteady} UNSTEADY, which passed alone only" if total.unsteady else ""
    verdict = f"FAILED: {', '.join(total.unhappy)}" if total.unhappy else "every step passed"
    print(f"\nqmtwist: {verdict}{skipped}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

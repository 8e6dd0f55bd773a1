"""Exactly what CI runs: format, lint, types, ladder, tests, recorded cases.

No step stops the others. The last line is `N passed, N failed`: tests, recorded cases and the other steps together.

    scripts/check            everything
    scripts/check quick      without the slow tests and the recorded cases
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLOSING = re.compile(r"(\d+) (passed|failed|errors?)\b")

STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "ladder": ["lint-imports"],
    "tests": ["python", "-m", "pytest", "-q"],
    "recorded cases": ["python", "scripts/vectors.py"],
}
COUNTED = ("tests", "recorded cases")


def run(command: list[str]) -> tuple[int, str]:
    """Run a step with its output shown as it comes; its exit status and last line."""
    path = os.path.join(TOP, ".venv", "bin")
    environment = {**os.environ, "PATH": path + os.pathsep + os.environ.get("PATH", "/usr/bin:/bin")}
    command = [os.path.join(path, command[0]), *command[1:]]
    last = ""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=TOP,
        env=environment,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, last


def count(name: str, status: int, last: str) -> tuple[int, int]:
    """How many passed and failed in a step, by its closing line if it has one."""
    numbers = {word.rstrip("s"): int(number) for number, word in CLOSING.findall(last)}
    passed, failed = numbers.get("passed", 0), numbers.get("failed", 0) + numbers.get("error", 0)
    if name not in COUNTED or not numbers:
        passed, failed = int(status == 0), int(status != 0)
    return passed, max(failed, int(status != 0))


def main(arguments: list[str]) -> int:
    """Run the steps; 0 only if all of them were content."""
    steps = dict(STEPS)
    if arguments == ["quick"]:
        del steps["recorded cases"]
        steps["tests"] = [*steps["tests"], "-m", "not slow"]
    elif arguments:
        print(__doc__)
        return 2
    passed = failed = 0
    unhappy = []
    for name, command in steps.items():
        print(f"\n== {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        status, last = run(command)
        good, bad = count(name, status, last)
        passed, failed = passed + good, failed + bad
        if bad:
            unhappy.append(name)
        print(f"== {name}: {'FAILED' if bad else 'passed'} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"\nqmtwist: {'FAILED: ' + ', '.join(unhappy) if unhappy else 'every step passed'}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

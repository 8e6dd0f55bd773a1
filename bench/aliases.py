"""Does the number of aliases matter, to newaliases and to the delivery of a message?

Run: python -m bench.aliases [ALIASES]

Every alias has two addresses, one of them without a host. A look-up is `fastforward -n` as a program of its own, from
its start to its end, the median of 50, in turn with `python3 -I -S -c pass` and with a table of ten.

Last run (2-core virtual machine, Python 3.11.2, other work beside it):

    newaliases,        10 aliases            0.01 s      14 MB
    newaliases, 1,000,000 aliases           23.66 s      25 MB
    python3 -I -S -c pass                7.03 ms
    look-up,        10 aliases          11.30 ms
    look-up, 1,000,000 aliases          11.47 ms
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time

from bench.report import median
from qmtwist.cli.control.launchers import write_launchers

RUNS = 50
FEW = 10
PYTHON = "/usr/bin/python3"


def write_aliases(path: str, count: int) -> None:
    """So many of them."""
    with open(path, "w", encoding="ascii") as stream:
        for number in range(count):
            stream.write(f"user{number}: person{number}@mail{number % 100}.example.org, other{number}\n")


def milliseconds(command: list[str]) -> float:
    """From start to end."""
    environ = {"PATH": "/usr/bin:/bin", "SENDER": "me@there.example", "RECIPIENT": "user7@here.example"}
    began = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ, check=True)
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(f"{home}/bin")
        os.mkdir(f"{home}/control")
        write_launchers(home)
        tables = {number: f"{home}/{number}" for number in (FEW, count)}
        for number, path in tables.items():
            write_aliases(path, number)
            took = milliseconds([f"{home}/bin/newaliases", path]) / 1e3
            peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"newaliases, {number:9,} aliases        {took:8.2f} s   {peak_mb:5.0f} MB")
        looks = {
            f"look-up, {number:9,} aliases": [f"{home}/bin/fastforward", "-n", f"{path}.cdb"]
            for number, path in tables.items()
        }
        commands = {"python3 -I -S -c pass": [PYTHON, "-I", "-S", "-c", "pass"], **looks}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                times[name].append(milliseconds(command))
        for name, values in times.items():
            print(f"{name:32} {median(values):8.2f} ms")


if __name__ == "__main__":
    main()

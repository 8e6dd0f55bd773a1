"""Play the recorded cases of the original programs against a fresh home.

The cases and their runner stand beside the project (../shared/vectors, or $QMTWIST_VECTORS). Without them this says so
and succeeds. As root the home is set up with qmail's accounts in a private mount name space, so the machine's own
/etc/passwd and /etc/group stay as they are; otherwise (or where name spaces are not allowed) only what the runner can
do with a relocated home is played.

A case that we answer otherwise on purpose stands in tests/vectors/exceptions.txt (`case-id reason`, argued in
docs/differences.md). It does not fail the run; one that passes is reported as stale and does.

Arguments are handed to the runner: `scripts/vectors --only smtpd -v`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXCEPTIONS = os.path.join(TOP, "tests/vectors/exceptions.txt")

# What is played: kinds of cases, and how exactly they are compared.
SETS = (("exact", "local,users,queue,send"), ("semantic", "smtpd,pop3d,popup"))

# Name, uid, gid: those of the recordings.
ACCOUNTS = (
    ("alias", 1001, 1001),
    ("qmaild", 1002, 1001),
    ("qmaill", 1003, 1001),
    ("qmailp", 1004, 1001),
    ("qmailq", 1005, 1002),
    ("qmailr", 1006, 1002),
    ("qmails", 1007, 1002),
)
GROUPS = (("nofiles", 1001), ("qmail", 1002))

NEW_MOUNTS, BIND, PRIVATE = 0x00020000, 4096, 1 << 18 | 16384


class Tally(NamedTuple):
    """How the cases came out."""

    passed: int = 0
    failed: int = 0
    absent: int = 0
    excepted: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def vectors_directory() -> str:
    """Where the runner and its cases should be."""
    return os.environ.get("QMTWIST_VECTORS") or os.path.join(os.path.dirname(TOP), "shared", "vectors")


def read_exceptions() -> dict[str, str]:
    """Case id to reason."""
    if not os.path.exists(EXCEPTIONS):
        return {}
    with open(EXCEPTIONS, encoding="utf-8") as stream:
        lines = [line.split(None, 1) for line in stream if line.strip() and not line.startswith("#")]
    return {words[0]: words[1].strip() if len(words) > 1 else "" for words in lines}


def with_accounts(text: str, accounts: list[tuple[str, str]]) -> str:
    """A password or group file with the missing names added."""
    names = {line.split(":", 1)[0] for line in text.splitlines()}
    return text + "".join(line for name, line in accounts if name not in names)


def enter_private_mounts(base: str, home: str) -> bool:
    """Give this process a private /etc/passwd and /etc/group that know qmail's accounts; whether that was allowed."""
    if os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS) or libc.mount(None, b"/", None, PRIVATE, None):
        return False
    users = [(name, f"{name}:x:{uid}:{gid}::{home}:/bin/false\n") for name, uid, gid in ACCOUNTS]
    groups = [(name, f"{name}:x:{gid}:\n") for name, gid in GROUPS]
    for path, wanted in (("/etc/passwd", users), ("/etc/group", groups)):
        copy = os.path.join(base, os.path.basename(path))
        with open(path, encoding="utf-8") as source, open(copy, "w", encoding="utf-8") as target:
            target.write(with_accounts(source.read(), wanted))
        os.chmod(copy, 0o644)
        if libc.mount(os.fsencode(copy), os.fsencode(path), None, BIND, None):
            return False
    return True


def set_up(home: str) -> None:
    """A complete home, as an administrator makes it."""
    qmtwist = [sys.executable, "-m", "qmtwist.cli.main"]
    subprocess.run([*qmtwist, "setup", "--home", home, "--host", "localhost"], check=True, cwd=TOP, env=environment())


def environment() -> dict[str, str]:
    """The caller's, with the package importable."""
    return {**os.environ, "PYTHONPATH": TOP}


def play(arguments: list[str]) -> list[dict[str, Any]]:
    """Run the runner once and return its results."""
    command = [sys.executable, os.path.join(vectors_directory(), "run.py"), "--json", *arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd="/")
    text = ended.stdout.decode("utf-8", "replace")
    document, _, summary = text.rstrip().rpartition("\n")
    if not re.match(r"\d+ passed", summary):
        raise SystemExit(f"scripts/vectors: the runner failed (exit {ended.returncode}):\n{text[-2000:]}")
    start = re.search(r"^\[", document, re.M)
    return json.loads(document[start.start() :]) if start else []


def judge(results: list[dict[str, Any]], exceptions: dict[str, str]) -> Tally:
    """Print what is wrong and count; an exception that passes is stale, and wrong."""
    count = dict.fromkeys(Tally._fields, 0)
    for case in results:
        status, identity = case["status"], case["id"]
        if status == "failed" and identity in exceptions:
            count["excepted"] += 1
        elif status == "passed" and identity in exceptions:
            print(f"STALE {identity} passes, but tests/vectors/exceptions.txt says: {exceptions[identity]}")
            count["failed"] += 1
        elif status == "failed":
            print(f"FAILED {case['file']} {identity}")
            show_differences(case["differences"][:3])
            count["failed"] += 1
        elif status in ("passed", "absent"):
            count[status] += 1
    return Tally(**count)


def show_differences(differences: list[dict[str, str]]) -> None:
    """A few lines of each, enough to recognise it."""
    for difference in differences:
        print(f"  {difference['what']}:")
        for sign, key in (("-", "expected"), ("+", "actual")):
            for line in str(difference[key]).splitlines()[:6]:
                print(f"    {sign} {line[:160]}")


def main(arguments: list[str]) -> int:
    """Play everything and end with `N passed, N failed`."""
    if not os.path.exists(os.path.join(vectors_directory(), "run.py")):
        print(f"recorded cases: none at {vectors_directory()}; nothing to play")
        print("0 passed, 0 failed")
        return 0
    base = tempfile.mkdtemp(prefix="qmtwist-vectors-", dir="/tmp")
    try:
        os.chmod(base, 0o755)
        home = os.path.join(base, "home")
        is_private = enter_private_mounts(base, home)
        set_up(home)
        place = ["--home", home] + ([] if is_private else ["--relocatable"])
        asked = [arguments] if arguments else [["--level", level, "--only", names] for level, names in SETS]
        total = Tally()
        for words in asked:
            total = total.plus(judge(play([*place, *words]), read_exceptions()))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    notes = f"{total.absent} absent, {total.excepted} excepted" + ("" if is_private else ", relocatable only")
    print(f"recorded cases: {notes}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

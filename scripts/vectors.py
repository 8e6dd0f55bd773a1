"""Play the recorded cases of the original programs against a fresh home.

The cases and their runner stand beside the project (../shared/vectors, or $QMTWIST_VECTORS). Without them this says so
and succeeds. As root the home is set up with qmail's accounts in a private mount name space, so the machine's own
/etc/passwd and /etc/group stay as they are; otherwise (or where name spaces are not allowed) only what the runner can
do with a relocated home is played.

A case that we answer otherwise on purpose stands in tests/vectors/exceptions.txt (`case-id reason`, argued in
docs/differences.md). It does not fail the run; one that passes is reported as stale and does. What only root can play
stands in tests/vectors/needs-root.txt.

Arguments are handed to the runner: `scripts/vectors --only smtpd -v`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TOP)

from tests.support import privately  # noqa: E402

EXCEPTIONS = os.path.join(TOP, "tests/vectors/exceptions.txt")
NEEDS_ROOT = os.path.join(TOP, "tests/vectors/needs-root.txt")

# What is played: kinds of cases, and how exactly they are compared.
SETS = (
    (
        "exact",
        "local,users,queue,send,rspawn,tcpto,tcprules,tcpserver,recordio,rblsmtpd,qmtpd,qmqpd,"
        "qmqpc,inject,sendmail,forward,usertools,mess822,matchup,ezmlm",
    ),
    ("semantic", "smtpd,pop3d,popup,remote"),
)


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


def read_exceptions(is_private: bool) -> dict[str, str]:
    """Case id to reason."""
    lines: list[str] = []
    for path in (EXCEPTIONS,) if is_private else (EXCEPTIONS, NEEDS_ROOT):
        with open(path, encoding="utf-8") as stream:
            lines += [line for line in stream if line.strip() and not line.startswith("#")]
    return {line.split()[0]: line.partition(" ")[2].strip() for line in lines}


def set_up(home: str) -> None:
    """A complete home, as an administrator makes it."""
    qmtwist = [sys.executable, "-m", "qmtwist.cli.main"]
    subprocess.run(
        [*qmtwist, "setup", "--home", home, "--host", "localhost"],
        check=True,
        cwd=TOP,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )


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
            print(f"STALE {identity} passes, but tests/vectors says: {exceptions[identity]}")
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
        want, have = (str(difference[key]).splitlines() for key in ("expected", "actual"))
        lines = difflib.unified_diff(want, have, n=0, lineterm="")
        for line in [line for line in lines if line[:2] not in ("--", "++", "@@")][:20]:
            print("    " + "".join(letter if letter.isprintable() else "?" for letter in f"{line[:1]} {line[1:160]}"))


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
        is_private = privately.enter()
        if is_private:
            privately.add_accounts(base, privately.mail_accounts(home), privately.MAIL_GROUPS)
        set_up(home)
        place = ["--home", home] + ([] if is_private else ["--relocatable"])
        asked = [arguments] if arguments else [["--level", level, "--only", names] for level, names in SETS]
        total = Tally()
        for words in asked:
            total = total.plus(judge(play([*place, *words]), read_exceptions(is_private)))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    notes = f"{total.absent} absent, {total.excepted} excepted" + ("" if is_private else ", relocatable only")
    print(f"recorded cases: {notes}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Programs that run once per message import nothing that takes longer than they do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from qmtwist.cli.registry import PROGRAMS

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GROUPS = ("alias", "filter", "header", "mailbox", "queue", "submit")
# They talk to other hosts or check passwords, which takes longer than any import, or are typed by hand.
SLOW = ("qmail-remote", "qmail-rspawn", "qmail-tcpok", "qmail-tcpto", "qmtwist-checkpassword", "ofmipd")
HEAVY = (
    "argparse attr collections collections.abc contextlib dataclasses enum functools hashlib importlib inspect json "
    "logging pathlib random re shutil signal socket string subprocess tempfile traceback twisted typing warnings"
)
QUICK = sorted(name for name, place in PROGRAMS.items() if place.split(".")[0] in GROUPS and name not in SLOW)


def test_the_hot_programs_are_among_them() -> None:
    assert {"qmail-queue", "qmail-inject", "sendmail", "qmail-local", "qmail-smtpd", "maildirmake"} <= set(QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_program_imports_nothing_heavy(name: str) -> None:
    code = (
        f"import sys; sys.path.append({TOP!r}); import qmtwist.cli.launch, qmtwist.cli.registry\n"
        f"import qmtwist.cli.{PROGRAMS[name]}\n"
        f"print(*sorted(set({HEAVY!r}.split()) & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [], (
        "take NamedTuple, Enum, Iterator... from qmtwist.mail.shapes, suppress from qmtwist.mail.errors, signal from "
        "qmtwist.store.signals, import _socket for socket, and the rest inside the function that needs it"
    )

"""The program qmail-local, run as qmail-lspawn runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.cli.mailbox import qmail_local
from qmtwist.cli.mailbox.qmail_local import parse_options

pytestmark = pytest.mark.system

MESSAGE = b"Subject: a\n\nbody\n"
USAGE = qmail_local.USAGE
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_launchers(str(tmp_path / "mail"))
    for name in ("tmp", "new", "cur"):
        (tmp_path / "joe" / "Maildir" / name).mkdir(parents=True)
    (tmp_path / "joe").chmod(0o755)
    (tmp_path / "message").write_bytes(MESSAGE)
    return tmp_path / "joe"


def command(
    home: Path, *options: str, words: tuple[str, ...] = ("joe", "", "", "host", "s@x", "./Maildir/")
) -> list[str]:
    return [str(home.parent / "mail" / "bin" / "qmail-local"), *options, "joe", str(home), *words]


def run(home: Path, *options: str, **changes: object) -> tuple[int, bytes, bytes]:
    with open(home.parent / "message", "rb") as message:
        ended = subprocess.run(
            command(home, *options),
            stdin=message,
            capture_output=True,
            cwd="/",
            env={},
            timeout=30,
            **changes,  # type: ignore[call-overload]
        )
    return ended.returncode, ended.stdout, ended.stderr


def test_it_delivers_and_says_so_on_its_output(home: Path) -> None:
    assert run(home, "--") == (0, b"did 1+0+0\n", b"")
    (name,) = (home / "Maildir" / "new").iterdir()
    assert name.read_bytes() == b"Return-Path: <s@x>\nDelivered-To: joe@host\n" + MESSAGE


def test_it_complains_on_its_error_output(home: Path) -> None:
    (home / ".qmail").write_text("./none/\n")
    assert run(home) == (111, b"", b"Unable to chdir to maildir. (#4.2.1)\n")


def test_a_report_that_nobody_reads_does_not_undo_a_delivery(home: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(home.parent / "message", "rb") as message:
        ended = subprocess.run(
            command(home), stdin=message, stdout=writing, stderr=writing, cwd="/", env={}, timeout=30
        )
    os.close(writing)
    assert ended.returncode == 0
    assert len(list((home / "Maildir" / "new").iterdir())) == 1


def test_the_last_of_n_and_N_counts(home: Path) -> None:
    assert run(home, "-nNn", "--") == (0, b"maildir ./Maildir/\ndid 1+0+0\n", b"")
    assert run(home, "-n", "-N") == (0, b"did 1+0+0\n", b"")


def test_wrong_usage_is_told(home: Path) -> None:
    assert run(home, "extra") == (100, b"", USAGE)
    assert run(home, "-z") == (100, b"", b"qmail-local: illegal option -- z\n" + USAGE)


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ([], (False, [], b"")),
        ([b"-n"], (True, [], b"")),
        ([b"-", b"-n"], (False, [b"-", b"-n"], b"")),
        ([b"joe", b"-n"], (False, [b"joe", b"-n"], b"")),
        ([b"-nq"], (True, [], b"qmail-local: illegal option -- q\n")),
        ([b"--", b"--"], (False, [b"--"], b"")),
    ],
)
def test_options_end_at_the_first_word(arguments: list[bytes], result: tuple[bool, list[bytes], bytes]) -> None:
    assert parse_options(arguments) == result


def test_programs_find_our_commands_and_the_home_they_belong_to(home: Path) -> None:
    (home / ".qmail").write_text('|command -v qmail-inject; echo "$QMTWIST_HOME"\n')
    mail = home.parent / "mail"
    assert run(home) == (0, f"{mail}/bin/qmail-inject\n{mail}\ndid 0+0+1\n".encode(), b"")


def test_the_time_limit_of_programs_is_a_control_file(home: Path) -> None:
    control = home.parent / "mail" / "control"
    control.mkdir()
    (control / "programtimeout").write_text("1\n")
    (home / ".qmail").write_text("|sleep 1000\n")
    assert run(home) == (111, b"", b"Program was stopped after 1 seconds. (#4.3.0)\n")


def test_told_to_stop_it_takes_the_users_program_with_it(home: Path) -> None:
    (home / ".qmail").write_text("|sleep 1000 & echo $! >begun; wait\n")
    with open(home.parent / "message", "rb") as message:
        process = subprocess.Popen(command(home), stdin=message, stderr=subprocess.PIPE, cwd="/", env={})
    deadline = time.monotonic() + 20
    while not (home / "begun").exists() or not (pid := (home / "begun").read_text()).endswith("\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    error = process.communicate(timeout=20)[1]
    assert (process.returncode, error) == (111, b"Delivery was stopped and will be tried again. (#4.3.0)\n")
    while os.path.exists(f"/proc/{pid.strip()}") and " Z " not in Path(f"/proc/{pid.strip()}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)

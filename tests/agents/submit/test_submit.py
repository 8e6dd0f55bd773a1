"""agents/submit/submission: every word of a queue program is understood, and what is abandoned is not queued."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from qmtwist.agents.submit import submission as module
from qmtwist.agents.submit.submission import Submission, SubmitResult, submit
from qmtwist.mail.envelope import Envelope
from qmtwist.rules.queueresult import result_text
from tests.support.refusing_disk import open_descriptors

ENVELOPE = Envelope(b"s@x", (b"a@y", b"b@z"))
ENCODED = b"Fs@x\0Ta@y\0Tb@z\0\0"
Install = Callable[[str], Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Put a shell script into the home as bin/qmail-queue; what it writes lies in the home."""

    def put(script: str) -> Path:
        program = tmp_path / "bin" / "qmail-queue"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return tmp_path

    return put


def environ(**more: bytes) -> dict[bytes, bytes]:
    return {b"PATH": b"/usr/bin:/bin", **{name.encode(): value for name, value in more.items()}}


TAKE = "cat >message; cat <&1 >envelope"


def test_message_and_envelope_arrive_in_the_mail_home(install: Install) -> None:
    home = install(f"{TAKE}; echo $# $$ >words; pwd -P >where")
    result = submit(str(home), [b"Subject: a\n", b"\nb\n"], ENVELOPE, environ())
    assert (home / "message").read_bytes() == b"Subject: a\n\nb\n"
    assert (home / "envelope").read_bytes() == ENCODED
    assert (home / "words").read_text() == f"0 {result.qp}\n"
    assert (home / "where").read_text() == f"{os.path.realpath(home)}\n"
    assert result.text == b""


def test_a_descriptor_is_read_from_where_it_stands(install: Install, tmp_path: Path) -> None:
    home = install(TAKE)
    (tmp_path / "m").write_bytes(b"0123" + b"x" * 300_000)
    with open(tmp_path / "m", "rb", buffering=0) as stream:
        stream.seek(4)
        assert submit(os.fsencode(home), stream.fileno(), ENVELOPE, environ()).text == b""
    assert (home / "message").read_bytes() == b"x" * 300_000


def test_qmailqueue_names_another_program(install: Install, tmp_path: Path) -> None:
    home = install("exit 51")
    (tmp_path / "other").write_text(f"#!/bin/sh\n{TAKE}\n")
    (tmp_path / "other").chmod(0o700)
    for name in (b"./other", os.fsencode(tmp_path / "other")):
        assert submit(str(home), [b"x"], ENVELOPE, environ(QMAILQUEUE=name)).text == b""
    assert submit(str(home), [b"x"], ENVELOPE, environ(QMAILQUEUE=b"")).text == b"Zqq out of memory (#4.3.0)"


EXITS = {
    11: b"Denvelope address too long for qq (#5.1.3)",
    12: b"Dqq permanent problem (#5.3.0)",
    31: b"Dmail server permanently rejected message (#5.3.0)",
    40: b"Dqq permanent problem (#5.3.0)",
    41: b"Zqq temporary problem (#4.3.0)",
    51: b"Zqq out of memory (#4.3.0)",
    52: b"Zqq timeout (#4.3.0)",
    53: b"Zqq write error or disk full (#4.3.0)",
    54: b"Zqq read error (#4.3.0)",
    55: b"Zqq unable to read configuration (#4.3.0)",
    56: b"Zqq trouble making network connection (#4.3.0)",
    61: b"Zqq trouble in home directory (#4.3.0)",
    62: b"Zqq trouble creating files in queue (#4.3.0)",
    66: b"Zqq trouble creating files in queue (#4.3.0)",
    71: b"Zmail server temporarily rejected message (#4.3.0)",
    72: b"Zconnection to mail server timed out (#4.4.1)",
    73: b"Zconnection to mail server rejected (#4.4.1)",
    74: b"Zcommunication with mail server failed (#4.4.2)",
    81: b"Zqq internal bug (#4.3.0)",
    82: b"Zqq temporary problem (#4.3.0)",
    91: b"Zqq internal bug (#4.3.0)",
    115: b"Denvelope address too long for qq (#5.1.3)",
    120: b"Zunable to exec qq (#4.3.0)",
    1: b"Zqq temporary problem (#4.3.0)",
    10: b"Zqq temporary problem (#4.3.0)",
    255: b"Zqq temporary problem (#4.3.0)",
}


@pytest.mark.parametrize("code", EXITS)
def test_every_exit_code_has_its_text(install: Install, code: int) -> None:
    home = install(f"{TAKE}; exit {code}")
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == EXITS[code]


@pytest.mark.parametrize("said", ["Dno thanks (#5.7.1)", "Zlater (#4.7.1)"])
def test_exit_82_speaks_for_itself(install: Install, said: str) -> None:
    home = install(f"{TAKE}; printf '%s' '{said}' >&6; exit 82")
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == said.encode()


def test_its_own_text_is_cut_and_counts_with_82_only(install: Install) -> None:
    home = install(f"{TAKE}; head -c 100000 /dev/zero | tr '\\0' D >&6; exit 82")
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == b"D" * 255
    home = install(f"{TAKE}; echo Dfoo >&6; exit 51")
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == EXITS[51]
    assert result_text(82, b"D", False) == EXITS[82]


def test_a_program_killed_by_a_signal_has_crashed(install: Install) -> None:
    home = install("kill -9 $$")
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == b"Zqq crashed (#4.3.0)"


def test_a_program_that_cannot_be_run_is_temporary(install: Install, tmp_path: Path) -> None:
    home = install("")
    assert submit(str(home), [b"x"], ENVELOPE, environ(QMAILQUEUE=b"/none")).text == EXITS[120]
    assert submit(str(tmp_path / "none"), [b"x"], ENVELOPE, environ()).text == EXITS[61]


def test_a_program_that_does_not_read_has_not_got_the_message(install: Install) -> None:
    # it may exit 0, but a part of the message never left us
    home = install("exit 0")
    assert submit(str(home), [b"x" * 1_000_000], ENVELOPE, environ()).text == EXITS[54]
    home = install("exit 53")
    assert submit(str(home), [b"x" * 1_000_000], ENVELOPE, environ()).text == EXITS[53]


def test_an_abandoned_submission_ends_without_an_envelope(install: Install) -> None:
    home = install(f"{TAKE}; [ -s envelope ] || exit 54; touch queued")
    before = open_descriptors()
    submission = Submission(str(home), environ())
    submission.write(b"half a mess")
    submission.abandon()
    submission.abandon()
    assert (home / "message").read_bytes() == b"half a mess"
    assert (home / "envelope").read_bytes() == b""
    assert not (home / "queued").exists()
    assert open_descriptors() == before


def test_leaving_without_finishing_abandons(install: Install) -> None:
    home = install(TAKE)
    with pytest.raises(RuntimeError), Submission(str(home), environ()) as submission:
        submission.write(b"x")
        raise RuntimeError("a bug")
    assert (home / "envelope").read_bytes() == b""


def test_a_message_that_cannot_be_read_to_its_end_is_not_queued(install: Install) -> None:
    def broken() -> object:
        yield b"begin"
        raise OSError(5, "")

    home = install(TAKE)
    assert submit(str(home), broken(), ENVELOPE, environ()).text == EXITS[54]  # type: ignore[arg-type]
    assert (home / "envelope").read_bytes() == b""
    assert submit(str(home), os.open("/", os.O_RDONLY), ENVELOPE, environ()).text == EXITS[54]


@pytest.mark.parametrize("envelope", [Envelope(b"s\0Tevil@x", (b"a",)), Envelope(b"s", (b"a\0Tevil@x",))])
def test_an_envelope_cannot_be_forged_by_a_nul(install: Install, envelope: Envelope) -> None:
    home = install(TAKE)
    with pytest.raises(ValueError, match="NUL"):
        submit(str(home), [b"x"], envelope, environ())
    assert (home / "envelope").read_bytes() == b""


def test_the_program_has_our_descriptors_for_nothing_but_errors(install: Install, tmp_path: Path) -> None:
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)
    other = Submission(str(install(TAKE)), environ())
    home = install(f"ls /proc/self/fd >fds; {TAKE}")
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == b""
    other.abandon()
    os.close(secret)
    # ls itself opens 3, sh may hold its script open at 10
    assert set((home / "fds").read_text().split()) - {"3", "10"} == {"0", "1", "2", "6"}


def test_the_program_dies_of_a_broken_pipe_as_usual(install: Install) -> None:
    home = install("grep SigIgn /proc/self/status >ignored; " + TAKE)
    submit(str(home), [b"x"], ENVELOPE, environ())
    ignored = int((home / "ignored").read_text().split()[1], 16)
    assert not ignored >> (signal.SIGPIPE - 1) & 1


def test_low_numbers_of_our_own_do_not_get_mixed_up(install: Install) -> None:
    home = install(TAKE)
    pid = os.fork()
    if not pid:
        os.closerange(0, 10)  # now the pipes get the numbers that the program is to have
        os._exit(0 if submit(str(home), [b"low"], ENVELOPE, environ()).text == b"" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (home / "message").read_bytes() == b"low"
    assert (home / "envelope").read_bytes() == ENCODED


@pytest.mark.parametrize("name", ["pipe", "fork"])
def test_no_pipe_or_no_process_is_temporary_and_leaks_nothing(
    install: Install, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse() -> None:
        raise OSError(11, "")

    home, before = install(TAKE), open_descriptors()
    monkeypatch.setattr(module.os, name, refuse)
    assert submit(str(home), [b"x"], ENVELOPE, environ()) == SubmitResult(0, b"Zqq temporary problem (#4.3.0)")
    assert open_descriptors() == before


def test_a_child_that_others_reaped_is_a_surprise(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    home = install(TAKE)
    real = os.waitpid

    def late(pid: int, options: int) -> tuple[int, int]:
        real(pid, options)
        return real(pid, options)

    monkeypatch.setattr(module.os, "waitpid", late)
    assert submit(str(home), [b"x"], ENVELOPE, environ()).text == b"Zqq waitpid surprise (#4.3.0)"

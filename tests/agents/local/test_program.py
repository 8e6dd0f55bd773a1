"""agents/local/program: a user's command gets what it was promised and cannot hold us up."""

from __future__ import annotations

import os
import select  # noqa: F401  (an import under way when the signal comes would swallow what its handler raises)
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.agents.local import program
from qmtwist.agents.local.program import CRASHED, STOPPED, Programs, Ran, verdict


class Stage:
    """A home, a message and a report, and one command after another on them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "message").write_bytes(b"Subject: a\n\nbody\n")
        self.message = os.open(home / "message", os.O_RDONLY)
        self.report = os.open(home / "report", os.O_RDWR | os.O_CREAT, 0o600)
        self.programs = Programs()

    def run(self, command: bytes, limit_s: float | None = None, **environ: bytes) -> Ran:
        variables = {b"PATH": b"/usr/bin:/bin", **{name.encode(): value for name, value in environ.items()}}
        return self.programs.run(
            command, os.fsencode(self.home), variables, self.message, self.report, self.report, limit_s
        )

    def said(self) -> bytes:
        return (self.home / "report").read_bytes()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    os.close(stage.message)
    os.close(stage.report)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("code", range(256))
def test_every_exit_code_means_what_the_manual_says(code: int) -> None:
    expected = 100 if code in (64, 65, 70, 76, 77, 78, 100, 112) else code if code in (0, 99) else 111
    assert verdict(code) == expected


@pytest.mark.parametrize(("command", "code"), [(b"exit 0", 0), (b"exit 99", 99), (b"exit 64", 100), (b"exit 1", 111)])
@pytest.mark.parametrize("limit_s", [None, 60])
def test_a_program_ends_with_its_verdict_and_no_word_of_ours(
    stage: Stage, command: bytes, code: int, limit_s: float | None
) -> None:
    assert stage.run(command, limit_s) == Ran(code, b"")


@pytest.mark.parametrize("limit_s", [None, 60])
def test_a_program_killed_by_a_signal_has_crashed(stage: Stage, limit_s: float | None) -> None:
    assert stage.run(b"kill -9 $$", limit_s) == Ran(111, CRASHED)


def test_the_message_is_its_input_and_the_report_its_output(stage: Stage) -> None:
    assert stage.run(b"cat; echo out; echo err >&2") == Ran(0, b"")
    assert stage.said() == b"Subject: a\n\nbody\nout\nerr\n"


def test_it_runs_in_the_home_with_its_environment_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the daemon")
    before = os.getcwd()
    stage.run(b"pwd -P; env | sort; umask", X=b"a b")
    lines = stage.said().split(b"\n")
    assert lines[0] == os.fsencode(os.path.realpath(stage.home))
    assert [line for line in lines[1:-2] if not line.startswith((b"PWD=", b"_=", b"OLDPWD=", b"SHLVL="))] == [
        b"PATH=/usr/bin:/bin", b"X=a b",
    ]  # fmt: skip
    assert lines[-2] == b"0077"
    assert os.getcwd() == before


def test_it_has_a_session_of_its_own_and_no_descriptor_of_ours(stage: Stage) -> None:
    secret = os.open("/", os.O_RDONLY)
    os.set_inheritable(secret, True)
    stage.run(b"cut -d' ' -f5,6 /proc/$$/stat; echo $$; ls /proc/$$/fd")
    os.close(secret)
    group, pid, *descriptors = stage.said().split(b"\n")[:-1]
    assert group == pid + b" " + pid
    assert set(descriptors) - {b"10"} == {b"0", b"1", b"2"}


def test_signals_are_as_a_shell_expects_them(stage: Stage) -> None:
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        stage.run(b"grep -E 'Sig(Ign|Blk)' /proc/self/status")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
        signal.signal(signal.SIGTERM, old)
    blocked, ignored = (int(line.split()[1], 16) for line in stage.said().splitlines())
    assert blocked == 0
    assert not ignored & sum(1 << (n - 1) for n in (signal.SIGPIPE, signal.SIGTERM, signal.SIGXFSZ))


def test_a_program_beyond_its_time_is_killed_with_all_its_children(stage: Stage) -> None:
    ran = stage.run(b"sleep 1000 & echo $! >child; wait", 0.2)
    assert ran == Ran(111, b"Program was stopped after 0 seconds. (#4.3.0)")
    child = int((stage.home / "child").read_bytes())
    deadline = time.monotonic() + 10
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_time_is_kept_on_kernels_without_pidfd_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(pid: int) -> int:
        raise OSError(38, "ENOSYS")

    monkeypatch.setattr(os, "pidfd_open", none)
    assert stage.run(b"exit 99", 60) == Ran(99, b"")
    assert stage.run(b"sleep 1000", 0.1).code == 111


def test_a_background_child_of_a_program_that_ended_is_not_waited_for(stage: Stage) -> None:
    assert stage.run(b"sleep 1000 & echo $!", 60) == Ran(0, b"")
    pid = int(stage.said())
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("limit_s", [None, 60])
def test_stop_kills_what_runs_and_lets_nothing_more_run(stage: Stage, limit_s: float | None) -> None:
    old = signal.signal(signal.SIGUSR1, lambda *_: stage.programs.stop())
    try:
        assert stage.run(b"kill -USR1 $PPID; sleep 1000", limit_s) == Ran(111, STOPPED)
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert stage.run(b"touch late") == Ran(111, STOPPED)
    assert not (stage.home / "late").exists()


def test_a_limit_of_years_is_a_limit_too(stage: Stage) -> None:
    assert stage.run(b"exit 99", 1e9) == Ran(99, b"")


@pytest.mark.parametrize("limit_s", [None, 60])
def test_a_handler_that_raises_leaves_no_program_behind(stage: Stage, limit_s: float | None) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            stage.run(b"echo $$; kill -USR1 $PPID; sleep 1000", limit_s)
    finally:
        signal.signal(signal.SIGUSR1, old)
    pid = int(stage.said())
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_a_stop_that_comes_while_the_child_is_made_is_not_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fork

    def fork() -> int:
        pid = real()
        if pid:
            stage.programs.stop()
        return pid

    monkeypatch.setattr(program.os, "fork", fork)
    assert stage.run(b"sleep 1000") == Ran(111, STOPPED)


def test_no_process_to_be_had_is_a_deferral(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "")

    monkeypatch.setattr(program.os, "fork", refuse)
    assert stage.run(b"true") == Ran(111, b"Unable to fork: temporary failure. (#4.3.0)")


def test_a_shell_that_cannot_be_run_is_a_deferral_with_its_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "SHELL", b"/none")
    assert stage.run(b"true") == Ran(111, b"")
    assert stage.said() == b"Unable to run /bin/sh: file does not exist. (#4.3.0)\n"


def test_a_home_that_vanished_is_a_deferral_with_its_reason(stage: Stage) -> None:
    ran = stage.programs.run(b"true", b"/none", {}, stage.message, stage.report, stage.report, None)
    assert ran == Ran(111, b"")
    assert stage.said() == b"Unable to switch to /none: file does not exist. (#4.3.0)\n"


def test_a_bug_in_the_child_is_a_deferral(stage: Stage) -> None:
    ran = stage.programs.run(b"nul\0", os.fsencode(stage.home), {}, stage.message, stage.report, stage.report, None)
    assert ran == Ran(111, b"")

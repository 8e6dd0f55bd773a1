"""qmtwist check of a home that belongs to one user; as root see test_setup_as_root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.cli.control import accounts, check, setup


@pytest.fixture
def home(tmp_path: Path) -> str:
    assert setup.main([b"--home", os.fsencode(tmp_path), b"--host", b"a.example"], "") == 0
    return str(tmp_path)


def lines(home: str) -> list[str]:
    """What is wrong, apart from accounts that this machine does not have."""
    return [line for line in check.problems(home) if not line.startswith(("user ", "group "))]


def test_a_good_home_is_silent(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert lines(home) == []
    if os.geteuid() != 0 or accounts.find().is_complete:
        assert check.main([b"--home", os.fsencode(home)], "") == 0
        assert capsys.readouterr().out == ""


def test_a_missing_home_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = f"{tmp_path}/none"
    assert check.main([], missing) == 1
    assert capsys.readouterr().out == f"{missing}: is not a directory: qmtwist setup --home {missing}\n"


def test_missing_modes_and_kinds_are_named_with_their_mending(home: str) -> None:
    os.chmod(f"{home}/queue/mess", 0o777)
    os.rmdir(f"{home}/queue/intd")
    os.unlink(f"{home}/queue/lock/trigger")
    os.mkdir(f"{home}/queue/lock/trigger")
    assert lines(home) == [
        f"{home}/queue/intd: does not exist: qmtwist setup --home {home}",
        f"{home}/queue/mess: has mode 0777 instead of 0750: chmod 0750 {home}/queue/mess",
        f"{home}/queue/lock/trigger: is not a fifo: "
        f"mv {home}/queue/lock/trigger {home}/queue/lock/trigger.old && qmtwist setup --home {home}",
    ]


def test_an_unusable_control_value_is_named_with_file_and_line(home: str) -> None:
    Path(home, "control", "listensmtp").write_text("# port\n2525\n")
    Path(home, "control", "me").unlink()
    Path(home, "control", "locals").unlink()
    assert lines(home) == [
        f"{home}/control/listensmtp:2: '2525' is no endpoint; write for example tcp:25: "
        f"${{EDITOR:-vi}} {home}/control/listensmtp",
        f"{home}/control/me: is missing; write the full host name into it: echo FULL.HOST.NAME >{home}/control/me",
    ]


def test_rules_that_nobody_could_read_are_named(home: str) -> None:
    control = Path(home, "control")
    (control / "tcprules").write_text(":allow\n")
    assert lines(home) == []
    (control / "tcprules.pop3").write_text(":allow\n10.0.0.1/8:deny\n")
    (control / "tcprules.smtp.cdb").write_bytes(b"short")
    (control / "tcprules.qmqp").symlink_to("/nowhere/tcp.qmqp.cdb")
    assert [line.partition(f"{control}/tcprules.")[2].partition(": $")[0] for line in lines(home)] == [
        "pop3: line 2: unable to parse this line: 10.0.0.1/8:deny",
        f"qmqp: [Errno 2] No such file or directory: '{control}/tcprules.qmqp'",
        "smtp.cdb: constant database: shorter than its own positions say",
    ]


def test_a_foreign_program_is_no_problem_unless_it_cannot_run(home: str) -> None:
    path = Path(home, "bin", "qmail-queue")
    path.unlink()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    assert lines(home) == []
    path.chmod(0o644)
    assert lines(home) == [f"{path}: cannot be run: chmod 755 {path}"]


def test_an_outdated_launcher_is_named(home: str) -> None:
    path = Path(home, "bin", "qmail-clean")
    path.write_text(path.read_text().replace("/", "/old/", 1))
    assert lines(home) == [f"{path}: is not what this version makes: qmtwist setup --home {home}"]


def test_a_linked_queue_is_good_and_a_link_to_nothing_is_missing(home: str, tmp_path: Path) -> None:
    os.rename(f"{home}/queue", f"{home}/elsewhere")
    os.symlink("elsewhere", f"{home}/queue")
    assert lines(home) == []
    os.rename(f"{home}/elsewhere", f"{home}/gone")
    assert lines(home)[0] == f"{home}/queue: does not exist: qmtwist setup --home {home}"

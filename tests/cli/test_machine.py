"""cli/control/machine.py: how a machine tells what it has, asked of programs of the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control import machine, records, setup, steps
from qmtwist.rules.machine import rivals
from tests.support.daemon import TOP

Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Makes a program, of those that are on this machine the only one beside the shell's own."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("sh", "echo", "test", "cat"):
        os.symlink(shutil.which(name) or "/nowhere", place / name)
    monkeypatch.setattr(machine, "PATH", str(place))

    def make(name: str, script: str) -> None:
        (place / name).write_text(f"#!/bin/sh\n{script}\n")
        (place / name).chmod(0o755)

    yield make


def test_packages_are_asked_for_as_the_family_has_them(program: Program) -> None:
    assert machine.packages() == []
    program("rpm", 'test "$1" = -q && echo postfix && echo "no package provides MTA"')
    assert machine.packages() == ["postfix"]
    program("dpkg-query", 'test "$1" = -W && printf "exim4-daemon-light\\tinstalled\\tmail-transport-agent\\n"')
    assert machine.packages() == ["exim4-daemon-light"]


SYSTEMCTL = """
case "$1 $2 $3" in
    "is-enabled postfix ") echo enabled ;;
    "is-enabled exim4 ") echo disabled; exit 1 ;;
    "is-enabled "*) echo "Failed to get unit file state for $2.service: No such file or directory"; exit 1 ;;
    "is-active --quiet postfix") exit 0 ;;
    *) exit 3 ;;
esac
"""


def test_services_of_systemd_tell_what_they_are(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("systemctl", SYSTEMCTL)
    assert machine.state_of("postfix", "systemd") == "enabled,active"
    assert machine.state_of("exim4", "systemd") == ""
    assert machine.state_of("sendmail", "systemd") is None
    monkeypatch.setattr(machine, "SYSTEMD", str(tmp_path))
    program("chkconfig", "")
    assert machine.init() == "systemd"
    monkeypatch.setattr(machine, "SYSTEMD", str(tmp_path / "none"))
    assert machine.init() == "chkconfig"
    program("update-rc.d", "")
    assert machine.init() == "update-rc.d"


def test_a_program_that_is_missing_or_fails_says_why(program: Program) -> None:
    assert machine.run(["nowhere"])[0] == 127
    program("angry", "echo no >&2; exit 5")
    assert machine.run(["angry"]) == (5, "no\n")
    with pytest.raises(steps.Failed, match="angry now: exit status 5: no"):
        steps.Steps(is_trial=False).do("angry", "now")
    steps.Steps(is_trial=True).do("angry", "now")


def test_a_directory_with_two_names_has_one_place(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/usr/sbin is a link to /usr/bin in some systems."""
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "usr" / "sbin").symlink_to("bin")
    (tmp_path / "usr" / "bin" / "mailq").write_text("theirs")
    (tmp_path / "usr" / "bin" / "mailq").chmod(0o4755)
    links = {str(tmp_path) + path: name for path, name in rivals.LINKS.items()}
    monkeypatch.setattr(rivals, "LINKS", links)
    monkeypatch.setattr(rivals, "IF_THERE", {f"{tmp_path}/usr/sbin/mailq": "mailq"})
    found = {
        place.path.removeprefix(str(tmp_path)): place for place in machine.places("/h", tuple(rivals.LINKS.values()))
    }
    assert list(found) == ["/usr/sbin/sendmail", "/usr/bin/mailq", "/usr/bin/newaliases"]  # no /usr/lib
    mailq = found["/usr/bin/mailq"]
    assert (mailq.target, mailq.is_there, mailq.mode, mailq.is_packaged) == ("/h/bin/mailq", True, 0o4755, False)
    os.link(tmp_path / "usr" / "bin" / "mailq", tmp_path / "usr" / "bin" / "everything")
    assert machine.look(mailq).mode is None  # its other name would lose its rights, too
    program("dpkg-query", "exit 0")
    program("dpkg-divert", "exit 0")
    assert machine.look(mailq).is_packaged
    assert [place.path for place in machine.places("/h", ("sendmail",))] == [f"{tmp_path}/usr/sbin/sendmail"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--replace-mta"], "--replace-mta and --keep-mta are for --system"),
        (["--system", "--replace-mta", "--keep-mta"], "either --replace-mta or --keep-mta"),
        (["--delete-mail", "--system"], "--delete-mail is for --remove"),
        (["--dry-run"], "--dry-run is for --system and --remove"),
        (["--remove", "--system"], "--remove goes with"),
        (["--remove", "--host", "a.example"], "--remove goes with"),
    ],
)
def test_words_that_do_not_go_together(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        setup.main([word.encode() for word in words], "/nowhere")
    assert ended.value.code == 100 and said in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
@pytest.mark.parametrize("word", ["--system", "--remove"])
def test_only_root_puts_something_into_the_machine(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.main([word.encode()], "/nowhere") == 1
    assert capsys.readouterr().err == f"qmtwist setup: {word} is for root\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: others' records are not believed")
def test_two_runs_do_not_meet(open_directory: str) -> None:
    first = records.Record(open_directory)
    first.note("home", open_directory)
    first.lock()
    assert records.Record(open_directory).facts == first.facts
    code = "import sys; from qmtwist.cli.control.records import *\ntry: Record(sys.argv[1]).lock()\n"
    code += "except Unusable as e: print(e)"
    ended = subprocess.run([sys.executable, "-c", code, open_directory], capture_output=True, text=True, cwd=TOP)
    assert ended.stdout == f"another setup is at work in {open_directory}\n"
    os.close(first._lock)

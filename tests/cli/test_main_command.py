"""qmtwist: the commands, their manuals, and the reference of control files."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from qmtwist.cli import main as command
from qmtwist.cli.control import boot, documents
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control import schema

TOP = Path(__file__).parent.parent.parent


def test_an_unknown_command_is_refused_and_no_command_prints_the_manual(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([b"frobnicate"], "/") == 100
    assert capsys.readouterr().err == "qmtwist: there is no command 'frobnicate'; see qmtwist --help\n"
    assert command.main([], "/") == 100
    assert "qmtwist setup" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["help", "--help"])
def test_help_names_every_program(capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert command.main([word.encode()], "/") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in PROGRAMS)


@pytest.mark.parametrize("name", ["qmail-showctl", "maildirmake", *command.COMMANDS])
def test_help_with_a_name_prints_its_manual(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert command.main([b"help", name.encode()], "/") == 0
    assert name in capsys.readouterr().out
    assert command.main([b"help", b"nothing"], "/") == 100


@pytest.mark.parametrize("name", ["setup", "check"])
def test_each_command_explains_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with pytest.raises(SystemExit) as raised:
        command.main([name.encode(), b"--help"], "/")
    assert raised.value.code == 0
    manual = importlib.import_module("qmtwist.cli." + command.COMMANDS[name]).__doc__
    assert capsys.readouterr().out == (manual or "").strip() + "\n"


def test_the_home_comes_from_the_option_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QMTWIST_HOME", f"{tmp_path}/asked")
    command.main([b"check"])
    command.main([b"check", b"--home", os.fsencode(tmp_path / "other")])
    assert [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"{tmp_path}/asked",
        f"{tmp_path}/other",
    ]


def test_the_printed_reference_of_control_files_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([b"control-reference"], "/") == 0
    printed = capsys.readouterr().out
    written = (TOP / "docs" / "reference" / "control.md").read_text()
    assert written == printed, "run scripts/reference"
    assert all(f"\n| {name} | " in printed for name in schema.ROWS)


def test_texts_for_a_home_have_the_reference_even_if_no_documents_are_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert documents.texts()["reference/control.md"] == documents.control_reference().encode()
    monkeypatch.setattr(documents, "TOP", "/nowhere")
    assert list(documents.texts()) == ["reference/control.md"]


def test_only_start_scripts_whose_programs_exist_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "PROGRAMS", {})
    assert sorted(boot.scripts("/var/qmail")) == ["home", "rc", "server"]
    assert "qmail-start ./Mailbox\n" in boot.scripts("/var/qmail")["home"]
    monkeypatch.setattr(boot, "PROGRAMS", {"preline": "", "dot-forward": "", "splogger": ""})
    made = boot.scripts("/var/qmail")
    names = ["home", "proc", "binm1", "binm2", "binm3"]
    assert sorted(made) == sorted(["rc", "server", *names, *(f"{name}+df" for name in names)])
    assert "qmail-start '|dot-forward .forward\n|preline procmail' splogger qmail\n" in made["proc+df"]
    assert 'PATH=/var/qmail/bin:"$PATH"' in made["binm3"]

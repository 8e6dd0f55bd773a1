"""config and config-fast write the control files that follow from the host's name; instcheck checks a home."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control import config, config_fast, instcheck
from tests.support.zone import Zone

ZONE = """
dolphin.sea.example.com. A 192.0.2.7
dolphin.sea.example.com. A 192.0.2.8
7.2.0.192.in-addr.arpa. PTR Dolphin.sea.example.com.
8.2.0.192.in-addr.arpa. PTR second.example.com.
"""
NAMES = ("me", "defaultdomain", "plusdomain", "locals", "rcpthosts")
Written = Callable[[], dict[str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "control").mkdir()
    with Zone(ZONE) as zone:
        (tmp_path / "control" / "nameservers").write_text(zone.nameserver + "\n")
        yield tmp_path


@pytest.fixture
def written(home: Path) -> Written:
    """The control files that are there, without nameservers."""

    def read() -> dict[str, str]:
        return {path.name: path.read_text() for path in (home / "control").iterdir() if path.name != "nameservers"}

    return read


@pytest.mark.parametrize(("host", "default", "plus"), [("a.b.c.d", "b.c.d", "c.d"), ("A.b.", "a.b", "a.b")])
def test_config_fast_writes_five_files(home: Path, written: Written, host: str, default: str, plus: str) -> None:
    me = host.lower().rstrip(".")
    assert config_fast.main([host.encode()], str(home)) == 0
    lines = (f"{me}\n", f"{default}\n", f"{plus}\n", f"{me}\n", f"{me}\n")
    assert written() == dict(zip(NAMES, lines, strict=True))
    assert {path.stat().st_mode & 0o7777 for path in (home / "control").iterdir()} <= {0o644}


def test_config_fast_replaces_names_and_adds_to_lists_once(home: Path, written: Written) -> None:
    (home / "control" / "me").write_text("old.example\n")
    (home / "control" / "locals").write_text("other.example")
    for _ in range(2):
        assert config_fast.main([b"new.host.example"], str(home)) == 0
    assert written()["me"] == "new.host.example\n"
    assert written()["locals"] == "other.example\nnew.host.example\n"
    assert written()["rcpthosts"] == "new.host.example\n"


def test_config_fast_says_what_it_does(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config_fast.main([b"a.b.example"], str(home))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Your fully qualified host name is "a.b.example".'
    assert lines[1:3] == ["Putting a.b.example into control/me...", "Putting b.example into control/defaultdomain..."]
    assert "rcpthosts" in lines[-1]


@pytest.mark.parametrize("words", [[], [b"a.example", b"b"], [b""], [b"a b"], [b"a..b"], [b"x\n.example"]])
def test_config_fast_refuses_what_is_no_name(home: Path, written: Written, words: list[bytes]) -> None:
    assert config_fast.main(words, str(home)) == 100
    assert written() == {}


@pytest.mark.parametrize(("program", "words"), [("config", []), ("config_fast", [b"a.example"])])
def test_trouble_with_a_file_is_temporary(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, words: list[bytes]
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "dolphin.sea.example.com")
    (home / "control" / "me").mkdir()
    assert importlib.import_module(f"qmtwist.cli.control.{program}").main(words, str(home)) == 111
    assert "control/me" in capsys.readouterr().err


def test_config_asks_dns(
    home: Path, written: Written, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """S003."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Dolphin.Sea.example.com")
    monkeypatch.setattr(config, "own_addresses", lambda: {b"\x7f\0\0\1", b"\0\0\0\0", b"\xc0\0\2\7"})
    (home / "control" / "locals").write_text("old.example\n")
    assert config.main([], str(home)) == 0
    both = "dolphin.sea.example.com\nsecond.example.com\n"
    texts = ("dolphin.sea.example.com\n", "sea.example.com\n", "example.com\n", both, both)
    assert written() == dict(zip(NAMES, texts, strict=True))
    said = capsys.readouterr().out
    assert "127.0.0.1: PTR lookup failed. I assume this address has no DNS name.\n" in said
    assert "192.0.2.7: Adding dolphin.sea.example.com to control/locals...\n" in said
    assert "0.0.0.0" not in said


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("", "Sorry, I couldn't find your hostname.\n"),
        ("nobody.example", "Sorry, I couldn't find your host's canonical name in DNS.\n"),
    ],
)
def test_config_without_a_name_writes_nothing(
    home: Path,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    host: str,
    said: str,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert config.main([], str(home)) == 0
    assert capsys.readouterr().out.endswith(f"{said}You will have to set up control/me yourself.\n")
    assert written() == {}


def test_instcheck_names_each_fault_and_its_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert instcheck.main([], str(tmp_path / "absent")) == 111
    assert instcheck.main([], str(tmp_path)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.endswith(f"/queue/todo: does not exist: qmtwist setup --home {tmp_path}") for line in lines)
    assert all(len(line.split(": ")) >= 3 for line in lines)

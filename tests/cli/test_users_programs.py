"""qmail-newu, qmail-pw2u and qmail-getpw as programs are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.cli.users import qmail_getpw, qmail_newu, qmail_pw2u
from qmtwist.store.cdb import Reader

PASSWD = (
    b"alias:x:7790:2108::/alias:/bin/true\njoe:x:507:100:Joe,,:/home/joe:/bin/sh\nJim:x:508:100::/home/jim:/bin/sh\n"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "users").mkdir()
    monkeypatch.chdir(tmp_path)  # the programs change it
    return str(tmp_path)


def newu(home: str, text: str | None) -> int:
    mask = os.umask(0o022)
    try:
        if text is not None:
            Path(home, "users/assign").write_text(text)
        return qmail_newu.main([], home)
    finally:
        os.umask(mask)


def test_newu_replaces_the_database(home: str) -> None:
    assert newu(home, "=joe:joe:1:2:/h:::\n.\n") == 0
    with Reader(f"{home}/users/cdb") as reader:
        assert reader.get(b"!joe\0") == b"joe\x001\x002\x00/h\x00\x00"
    assert os.stat(f"{home}/users/cdb").st_mode & 0o777 == 0o644
    assert not os.path.exists(f"{home}/users/cdb.tmp")


def test_newu_leaves_the_database_alone_when_the_format_is_bad(home: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert newu(home, "=joe:joe:1:2:/h:::\n.\n") == 0
    before = Path(home, "users/cdb").read_bytes()
    assert newu(home, "=joe:joe:1:2:/h:::\n") == 111
    assert capfd.readouterr().err == "qmail-newu: fatal: bad format in users/assign\n"
    assert Path(home, "users/cdb").read_bytes() == before


def test_newu_says_what_it_cannot_do(home: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert newu(home, None) == 111
    assert newu(home + "/nowhere", None) == 111
    os.mkdir(f"{home}/users/cdb")
    assert newu(home, ".\n") == 111
    assert capfd.readouterr().err.splitlines() == [
        "qmail-newu: fatal: unable to open users/assign",
        "qmail-newu: fatal: unable to chdir",
        "qmail-newu: fatal: unable to move users/cdb.tmp to users/cdb",
    ]


def pw2u(home: str, *options: str, stdin: bytes = PASSWD) -> int:
    reading, writing = os.pipe()
    saved = os.dup(0)
    os.write(writing, stdin)
    os.close(writing)
    os.dup2(reading, 0)
    try:
        return qmail_pw2u.main([option.encode() for option in options], home)
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reading)


def test_pw2u_writes_what_newu_reads(home: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path(home, "users/append").write_text("=extra:x:1:1:/x:::")  # no line end: the dot still stands alone
    assert pw2u(home, "-H") == 0
    text = capfd.readouterr().out
    assert text.endswith("=extra:x:1:1:/x:::\n.\n")
    assert newu(home, text) == 0


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        (["-z"], "illegal option -- z", 100),
        (["-Hz"], "illegal option -- z", 100),
        (["-c"], "option requires an argument -- c", 100),
        (["-h"], "fatal: unable to stat /alias", 111),
    ],
)
def test_pw2u_complains(
    home: str, capfd: pytest.CaptureFixture[str], options: list[str], error: str, code: int
) -> None:
    assert pw2u(home, *options) == code
    assert capfd.readouterr() == ("", f"qmail-pw2u: {error}\n")


def test_pw2u_takes_options_until_two_dashes(home: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert pw2u(home, "-uHC", "--", "-z") == 0
    assert capfd.readouterr().out == (
        "+:alias:7790:2108:/alias:-::\n=alias:alias:7790:2108:/alias:::\n"
        "=joe:joe:507:100:/home/joe:::\n=Jim:Jim:508:100:/home/jim:::\n.\n"
    )


def test_pw2u_matches_names_in_its_lists_in_any_case(home: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path(home, "users/exclude").write_text("JOE  \n")
    Path(home, "users/mailnames").write_text("ALIAS:\n")
    assert pw2u(home, "-H") == 0
    assert capfd.readouterr().out == "+:alias:7790:2108:/alias:-::\n.\n"


def test_getpw_wants_an_argument(home: str) -> None:
    assert qmail_getpw.main([], home) == 100

"""Whether a program in bin/ is ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.control.replaced import Watch, is_ours, is_replaced


@pytest.fixture
def home(tmp_path: Path) -> str:
    write_launchers(str(tmp_path))
    return str(tmp_path)


def test_our_launchers_are_ours(home: str) -> None:
    names = os.listdir(f"{home}/bin")
    assert "qmail-queue" in names
    for name in names:
        assert is_ours(f"{home}/bin/{name}")
        assert not is_replaced(home, name)


def test_another_program_has_replaced_ours_and_none_has_not(home: str) -> None:
    Path(home, "bin/qmail-local").write_text("#!/bin/sh\n")
    os.unlink(f"{home}/bin/qmail-getpw")
    assert is_replaced(home, "qmail-local")
    assert not is_replaced(home, "qmail-getpw")


def test_the_mark_counts_where_launchers_have_it(tmp_path: Path) -> None:
    path = tmp_path / "program"
    for content, expected in (
        (b"\x7fELF" + bytes(500) + b"# qmtwist launcher\n", True),
        (b"\x7fELF# qmtwist launcher\n" + bytes(10000), False),
        (b"#!/bin/sh\n" + b"#" * 1000 + b"\n# qmtwist launcher\n", False),
    ):
        path.write_bytes(content)
        assert is_ours(str(path)) is expected


def test_a_watch_sees_a_program_that_is_put_in_place_later(home: str) -> None:
    watch = Watch(home, "qmail-local")
    assert not watch.is_replaced()
    path = Path(home, "bin/qmail-local")
    launcher = path.read_bytes()
    path.unlink()
    assert not watch.is_replaced()
    path.write_text("#!/bin/sh\n")
    assert watch.is_replaced()
    path.write_bytes(launcher)
    assert not watch.is_replaced()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_the_set_uid_form_is_ours_though_its_users_cannot_read_it(tmp_path: Path) -> None:
    path = tmp_path / "qmail-queue"
    for size, mode, expected in ((900, 0o4111, True), (900, 0o111, False), (30_000, 0o4111, False)):
        path.write_bytes(bytes(size))
        path.chmod(mode)
        assert is_ours(str(path)) == expected
        path.unlink()

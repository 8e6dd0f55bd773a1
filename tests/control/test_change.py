"""control/change: what a reload changes, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.control.change import differences
from qmtwist.control.load import load


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    put(tmp_path, me="a.example\n", locals="a.example\nb.example\n")
    return tmp_path


def put(home: Path, **files: str) -> None:
    for name, text in files.items():
        (home / "control" / name).write_text(text)


def changed(home: Path, **files: str) -> list[str]:
    old = load(str(home))
    put(home, **files)
    return list(map(str, differences(old, load(str(home)))))


def test_a_file_written_anew_with_the_same_meaning_is_no_change(home: Path) -> None:
    assert changed(home, locals="# sorted\nB.example\na.example \n") == []


def test_lists_say_what_came_and_what_went(home: Path) -> None:
    assert changed(home, locals="a.example\nc.example\n") == ["control/locals: added c.example, removed b.example"]


def test_maps_say_it_by_line(home: Path) -> None:
    put(home, virtualdomains="v.example:joe\n")
    assert changed(home, virtualdomains="v.example:ann\nw.example:x\n") == [
        "control/virtualdomains: added v.example:ann w.example:x, removed v.example:joe"
    ]


def test_a_list_that_appears_or_vanishes_says_so(home: Path) -> None:
    assert changed(home, rcpthosts="") == ["control/rcpthosts: now exists"]
    old = load(str(home))
    (home / "control" / "rcpthosts").unlink()
    assert [change.text for change in differences(old, load(str(home)))] == ["is gone"]


def test_numbers_and_words_say_before_and_after(home: Path) -> None:
    assert changed(home, concurrencyremote="400\n", bouncefrom="bob\n", rcptcheck="0\n") == [
        "control/bouncefrom: MAILER-DAEMON is now bob",
        "control/concurrencyremote: 20 is now 400",
        "control/rcptcheck: 1 is now 0",
    ]


def test_what_follows_me_is_named_too(home: Path) -> None:
    names = [line.split(":")[0] for line in changed(home, me="z.example\n")]
    assert "control/me" in names and "control/bouncehost" in names and "control/envnoathost" in names
    assert "control/locals" not in names


def test_what_must_wait_for_a_restart_says_so(home: Path) -> None:
    assert changed(home, listenpop3="tcp:110\n", workeridle="5\n") == [
        "control/listenpop3: nothing is now tcp:110; takes effect at the next start",
        "control/workeridle: 60 is now 5; takes effect at the next start",
    ]


def test_a_long_list_is_cut_and_foreign_bytes_are_escaped(home: Path) -> None:
    (line,) = changed(home, rcpthosts="") or [""]
    put(home, rcpthosts="")
    (line,) = changed(home, rcpthosts="".join(f"h{number:02}.example\n" for number in range(30)))
    assert line.endswith(" h07.example and 22 more")
    (line,) = changed(home, smtpgreeting="\x1b[2J\n")
    assert line == "control/smtpgreeting: a.example is now \\x1b[2J"

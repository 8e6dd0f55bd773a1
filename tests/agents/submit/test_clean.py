"""qmail-clean's work."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from qmtwist.agents.submit.clean import answer, serve
from qmtwist.store.queue.layout import Layout
from tests.support.queues import files, make_queue, put


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = make_queue(str(tmp_path / "queue"))
    for path in (layout.mess(49), layout.intd(49), layout.todo(49)):
        put(path)
    return layout


@pytest.mark.parametrize(
    ("command", "left"), [(b"foop/49", ["todo/49"]), (b"todo/49", ["mess/3/49"]), (b"todo/50", None)]
)
def test_a_command_removes_its_files(layout: Layout, command: bytes, left: list[str] | None) -> None:
    before = sorted(files(layout))
    assert answer(layout, command) == b"+"
    assert sorted(files(layout)) == (before if left is None else left)


@pytest.mark.parametrize(
    "command",
    [b"", b"foop/", b"f", b"junk/49", b"foop/49x", b"todo/x49", b"foop/-49", b"foop/4 9", b"foop/" + b"1" * 95],
)
def test_what_is_no_command_gets_exactly_one_x_and_removes_nothing(layout: Layout, command: bytes) -> None:
    assert answer(layout, command) == b"x"
    assert len(files(layout)) == 3


def test_the_longest_number_that_fits_is_a_command(layout: Layout) -> None:
    assert answer(layout, b"foop/" + b"1" * 94) == b"+"


def test_a_file_that_cannot_be_removed_is_reported(layout: Layout) -> None:
    os.unlink(layout.intd(49))
    os.mkdir(layout.intd(49))
    assert answer(layout, b"foop/49") == b"!"


def test_commands_are_answered_one_by_one_and_an_incomplete_one_not_at_all(layout: Layout) -> None:
    commands, ours = os.pipe()
    answers, theirs = os.pipe()
    thread = threading.Thread(target=serve, args=(layout, commands, theirs))
    thread.start()
    for piece in (b"to", b"do/49\0ju", b"nk/49\0" + b"x" * 5000, b"\0foop/49"):
        os.write(ours, piece)
    os.close(ours)
    thread.join(10)
    os.close(theirs)
    assert os.read(answers, 100) == b"+xx"
    for descriptor in (commands, answers):
        os.close(descriptor)
    assert sorted(files(layout)) == ["mess/3/49"]


def test_old_files_in_pid_go_before_the_first_command(layout: Layout) -> None:
    put(f"{layout.pid}/1.2.3", b"", 129_601, 2e9)
    os.utime(f"{layout.pid}/1.2.3", (0, 0))
    put(f"{layout.pid}/young")
    with open(os.devnull, "rb") as nothing:
        serve(layout, nothing.fileno(), nothing.fileno())
    assert "pid/young" in files(layout) and "pid/1.2.3" not in files(layout)

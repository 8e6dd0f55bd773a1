"""S5 to S1, and leftovers."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.store.queue import clean
from qmtwist.store.queue.layout import Layout
from tests.support.queues import files, make_queue, put

NOW = 2_000_000_000.0
OLD, YOUNG = 129_601, 129_599


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def test_a_message_is_removed_with_its_intd_and_without_its_todo(layout: Layout) -> None:
    for path in (layout.mess(49), layout.intd(49), layout.todo(49)):
        put(path)
    clean.remove(layout, 49)
    assert list(files(layout)) == ["todo/49"]


def test_a_preprocessed_message_loses_intd_and_todo(layout: Layout) -> None:
    for path in (layout.mess(49), layout.intd(49), layout.todo(49)):
        put(path)
    clean.remove_todo(layout, 49)
    assert list(files(layout)) == ["mess/3/49"]


@pytest.mark.parametrize("left", [(), ("mess",), ("intd",), ("todo",)])
def test_what_is_gone_already_is_no_error(layout: Layout, left: tuple[str, ...]) -> None:
    """And does not keep the rest."""
    for kind in left:
        put(getattr(layout, kind)(49))
    clean.remove(layout, 49)
    assert list(files(layout)) == (["todo/49"] if left == ("todo",) else [])
    clean.remove_todo(layout, 49)
    assert list(files(layout)) == []


def test_only_old_messages_without_info_and_todo_are_leftovers(layout: Layout) -> None:
    for number, age in ((1, OLD), (2, YOUNG), (3, OLD), (4, OLD)):
        put(layout.mess(number), b"", age, NOW)
    put(layout.info(3))
    put(layout.todo(4))
    put(f"{layout.queue}/mess/9/1", b"", OLD, NOW)  # in the wrong directory: not message 1
    put(f"{layout.queue}/mess/0/README", b"", OLD, NOW)
    assert list(clean.leftovers(layout, NOW)) == [1]


def test_old_files_in_pid_are_removed_and_young_ones_stay(layout: Layout) -> None:
    put(f"{layout.pid}/9.1.1", b"", OLD, NOW)
    put(f"{layout.pid}/9.1.2", b"", YOUNG, NOW)
    assert list(clean.staged_leftovers(layout, NOW)) == [f"{layout.pid}/9.1.1"]
    clean.remove_staged(layout, NOW)
    assert list(files(layout)) == ["pid/9.1.2"]

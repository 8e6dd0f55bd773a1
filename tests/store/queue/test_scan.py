"""The whole queue at a glance."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.store.queue import scan
from qmtwist.store.queue.layout import Layout
from tests.support.queues import make_queue, put


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def test_info_gives_numbers_with_their_birth(layout: Layout) -> None:
    put(layout.info(5), b"F\0", 100, 1000)
    put(layout.info(10_000_000_000), b"F\0", 0, 2000)
    assert sorted(scan.scan_info(layout)) == [(5, 900), (10_000_000_000, 2000)]


def test_a_channel_gives_numbers_with_their_due_time(layout: Layout) -> None:
    put(layout.channel("local", 7), b"", 0, 3000)
    assert list(scan.scan_channel(layout, "local")) == [(7, 3000)]
    assert list(scan.scan_channel(layout, "remote")) == []


def test_names_that_are_no_message_numbers_are_passed_over(layout: Layout) -> None:
    for name in ("12", "012", "x", "-1", "1.tmp"):
        put(f"{layout.queue}/todo/{name}")
    assert list(scan.scan_todo(layout)) == [12]


def test_a_message_in_the_wrong_directory_is_nobodys(layout: Layout) -> None:
    put(f"{layout.queue}/mess/3/4")
    put(layout.mess(4))
    assert list(scan.scan_mess(layout)) == [4]
    put(f"{layout.queue}/info/3/4")
    assert list(scan.scan_info(layout)) == []

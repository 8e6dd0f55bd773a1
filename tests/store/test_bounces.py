"""Bounce notes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.store import durable
from qmtwist.store.queue.bounces import append_note, remove_notes
from qmtwist.store.queue.layout import Layout
from tests.support.faults import FaultyOs
from tests.support.queues import files, make_queue


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def test_notes_gather_in_order_and_nobody_else_reads_them(layout: Layout) -> None:
    append_note(layout, 30, b"<a@x>:\nno\n\n")
    append_note(layout, 30, b"<b@x>:\nno\n\n")
    assert files(layout) == {"bounce/30": b"<a@x>:\nno\n\n<b@x>:\nno\n\n"}
    assert os.stat(layout.bounce(30)).st_mode & 0o777 == 0o600


def test_removing_notes_that_are_gone_is_no_error(layout: Layout) -> None:
    append_note(layout, 30, b"note")
    remove_notes(layout, 30)
    remove_notes(layout, 30)
    assert files(layout) == {}


def test_a_note_is_told_only_when_it_and_its_name_are_on_disk(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = 0
    while True:
        failing += 1
        faulty = FaultyOs(failing, errno.EIO)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", faulty)
            try:
                append_note(layout, 30, b"note")
            except OSError:
                continue
        if not faulty.has_failed:
            break
    assert faulty.calls == ["open", "write", "fsync", "close", "open", "fsync", "close"]
    assert failing == 8

"""Message numbers."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.store.queue import numbers
from qmtwist.store.queue.layout import Layout
from tests.support.faults import FaultyOs
from tests.support.queues import make_queue, put


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def test_a_new_home_begins_above_all_inode_numbers(layout: Layout) -> None:
    assert numbers.reserve(layout, 1) == range(10_000_000_000, 10_000_000_001)


def test_blocks_follow_each_other_without_overlap(layout: Layout) -> None:
    first, second, third = (numbers.reserve(layout, count) for count in (10_000, 1, 10_000))
    assert (second.start, third.start) == (first.stop, second.stop)


def test_processes_that_reserve_at_once_never_share_a_number(layout: Layout, tmp_path: Path) -> None:
    children = []
    for name in range(4):
        pid = os.fork()
        if pid == 0:
            blocks = [numbers.reserve(layout, count) for count in range(1, 40)]
            put(str(tmp_path / f"got{name}"), b" ".join(b"%d" % number for block in blocks for number in block))
            os._exit(0)
        children.append(pid)
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4
    got = [int(word) for name in range(4) for word in (tmp_path / f"got{name}").read_bytes().split()]
    assert len(got) == len(set(got)) == 4 * sum(range(1, 40))


@pytest.mark.parametrize("length", range(33))
def test_a_torn_write_spoils_one_record_only(layout: Layout, length: int) -> None:
    given = [numbers.reserve(layout, 1).start for _ in range(3)]
    with open(layout.numbers, "r+b") as stream:
        before = stream.read()
        after_next = bytearray(before)
        # the record that the next write replaces, which is the older one
        older = min((0, 32), key=lambda at: before[at : at + 20])
        after_next[older : older + length] = b"%-*d" % (length, 9) if length else b""
        stream.seek(0)
        stream.write(after_next)
    assert numbers.reserve(layout, 1).start == given[-1] + 1


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"\0" * 64])
def test_a_lost_counter_begins_anew_above_every_file(layout: Layout, content: bytes | None) -> None:
    last = numbers.reserve(layout, 500).stop
    put(layout.mess(last + 70))
    put(layout.todo(last + 3))
    os.unlink(layout.numbers)
    if content is not None:
        put(layout.numbers, content)
    assert numbers.reserve(layout, 1).start > last + 70 + 10_000


def test_a_lost_counter_leaps_over_numbers_that_only_the_journal_knows(layout: Layout) -> None:
    os.mkdir(layout.journal)
    put(layout.journal + "/segment")
    assert numbers.reserve(layout, 1).start == numbers.FIRST + numbers.LEAP


def test_files_of_a_foreign_queue_do_not_move_the_beginning(layout: Layout) -> None:
    put(layout.mess(123456))
    assert numbers.reserve(layout, 1).start == numbers.FIRST


def test_numbers_are_greater_than_what_the_caller_knows_of(layout: Layout) -> None:
    assert numbers.reserve(layout, 2, above=numbers.FIRST + 99).start == numbers.FIRST + 100
    assert numbers.reserve(layout, 1).start == numbers.FIRST + 102


@pytest.mark.parametrize(("lock", "counter"), [(0o750, 0o600), (0o770, 0o660), (0o777, 0o666)])
def test_who_may_write_in_lock_may_count(layout: Layout, lock: int, counter: int) -> None:
    os.chmod(os.path.dirname(layout.numbers), lock)
    old = os.umask(0o077)
    try:
        numbers.reserve(layout, 1)
    finally:
        os.umask(old)
    assert os.stat(layout.numbers).st_mode & 0o777 == counter


def test_highest_looks_into_every_directory(layout: Layout) -> None:
    assert numbers.highest(layout) == 0
    for place, number in ((layout.intd, 5), (layout.info, 7), (layout.bounce, 11), (layout.mess, 9)):
        put(place(number))
    put(layout.channel("remote", 30))
    put(f"{layout.queue}/todo/not-a-number")
    assert numbers.highest(layout) == 30


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE])
def test_whatever_call_fails_no_number_is_given_twice(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    given = {numbers.reserve(layout, 1).start}
    for failing in range(1, 10):
        faulty = FaultyOs(failing, code)
        with monkeypatch.context() as patch:
            patch.setattr(numbers, "os", faulty)
            try:
                number = numbers.reserve(layout, 1).start
            except OSError:
                assert faulty.has_failed
                continue
            assert number not in given
            given.add(number)
            if not faulty.has_failed:
                break
    assert not faulty.has_failed
    assert numbers.reserve(layout, 1).start not in given

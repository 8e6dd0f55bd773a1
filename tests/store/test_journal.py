"""The group commit: what was acknowledged is found again, whatever the disk did."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.store.journal import records, segment
from qmtwist.store.journal.recover import recover
from qmtwist.store.journal.writer import Place
from tests.support.journals import SEGMENT_BYTES, Bench, message


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(str(tmp_path))
    yield made
    made.journal.close()


def owed_numbers(directory: str) -> list[int]:
    return [owed.message.number for owed in recover(directory).owed]


def test_a_committed_message_is_recovered_whole(bench: Bench) -> None:
    sent = message(10_000_000_000, 5000, recipients=3)
    assert isinstance(bench.commit(sent)[0], Place)
    (owed,) = recover(bench.directory).owed
    assert owed.message == sent
    assert owed.served == frozenset()


def test_the_content_can_be_read_back_from_its_place(bench: Bench) -> None:
    sent = message(5)._replace(content=b"the content")
    (place,) = bench.commit(sent)
    assert isinstance(place, Place)
    offset = place.offset + records.content_offset(records.message(sent))
    assert place.segment.read(offset, len(sent.content)) == b"the content"


def test_an_ended_and_a_moved_message_are_owed_no_more(bench: Bench) -> None:
    bench.commit(message(1), message(2), message(3))
    bench.journal.note(records.end(1))
    bench.journal.note(records.moved(3))
    bench.flush()
    assert owed_numbers(bench.directory) == [2]


def test_served_recipients_and_failures_are_remembered(bench: Bench) -> None:
    bench.commit(message(1, recipients=3))
    bench.journal.note(records.done(1, 2))
    bench.journal.note(records.failed(1, 0, b"<r0@example.org>:\nno\n\n"))
    bench.flush()
    (owed,) = recover(bench.directory).owed
    assert owed.served == {0, 2}
    assert owed.paragraphs == b"<r0@example.org>:\nno\n\n"


def test_messages_over_many_segments_are_recovered_in_order(bench: Bench) -> None:
    for number in range(60):
        bench.commit(message(number, 4000))
    assert owed_numbers(bench.directory) == list(range(60))
    assert len(os.listdir(bench.directory)) > 3


def test_segments_are_reused_when_their_messages_have_ended(bench: Bench) -> None:
    for number in range(200):
        (place,) = bench.commit(message(number, 4000))
        assert isinstance(place, Place)
        bench.journal.note(records.end(number))
        bench.journal.release(place.segment)
    bench.flush()
    assert owed_numbers(bench.directory) == []
    assert len(os.listdir(bench.directory)) <= 4


def test_a_young_segment_outlives_an_old_one_that_is_held(bench: Bench) -> None:
    """Its end marks are needed as long as the old one can be read."""
    (held,) = bench.commit(message(1))
    assert isinstance(held, Place)
    for number in range(2, 100):
        (place,) = bench.commit(message(number, 4000))
        assert isinstance(place, Place)
        bench.journal.note(records.end(number))
        bench.journal.release(place.segment)
    bench.flush()
    assert owed_numbers(bench.directory) == [1]
    assert bench.journal.held_segments()[0] is held.segment


def test_a_removed_segment_that_comes_back_after_a_power_cut_counts_for_nothing(bench: Bench, tmp_path: Path) -> None:
    copies: dict[str, bytes] = {}
    original = segment.Segment.discard

    def keep(self: segment.Segment) -> None:
        copies[os.path.basename(self.path)] = Path(self.path).read_bytes()
        original(self)

    segment.Segment.discard = keep  # type: ignore[method-assign]
    try:
        for number in range(100):
            (place,) = bench.commit(message(number, 4000))
            assert isinstance(place, Place)
            bench.journal.note(records.end(number))
            bench.journal.release(place.segment)
        bench.flush()
    finally:
        segment.Segment.discard = original  # type: ignore[method-assign]
    for name, data in copies.items():
        (tmp_path / f"back.{name}").write_bytes(data)
    assert owed_numbers(bench.directory) == []


def test_a_torn_tail_is_cut_and_nothing_acknowledged_is_lost(bench: Bench, tmp_path: Path) -> None:
    (first,) = bench.commit(message(1, 50))
    (second,) = bench.commit(message(2, 50))
    assert isinstance(first, Place)
    assert isinstance(second, Place)
    data = Path(second.segment.path).read_bytes()
    end = second.segment.used
    aside = tmp_path.parent / f"{tmp_path.name}.aside"
    for cut in range(second.offset, end):
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        (aside / "1.1").write_bytes(data[:cut] + bytes(len(data) - cut))
        found = recover(str(aside))
        numbers = [owed.message.number for owed in found.owed]
        assert numbers[:1] == [1]
        assert numbers == ([1, 2] if cut == end else numbers)
        assert found.complaints == []


def test_a_damaged_record_in_the_middle_is_told_and_the_rest_is_used(bench: Bench) -> None:
    places = [bench.commit(message(number, 50))[0] for number in (1, 2, 3)]
    middle = places[1]
    assert isinstance(middle, Place)
    os.pwrite(middle.segment.descriptor, b"\xff\xff", middle.offset + 60)
    found = recover(bench.directory)
    assert [owed.message.number for owed in found.owed] == [1, 3]
    assert len(found.complaints) == 1
    assert found.damaged == [middle.segment.path]


def test_bytes_in_a_message_that_look_like_records_are_no_records(bench: Bench) -> None:
    forged = records.encode(records.end(1), 12345) + records.encode(records.message(message(99)), 12345)
    bench.commit(message(1), message(2)._replace(content=forged * 3))
    assert owed_numbers(bench.directory) == [1, 2]


def test_a_damaged_header_is_told_and_the_file_kept(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "9.9").write_bytes(b"rubbish" * 200)
    found = recover(bench.directory)
    assert found.owed == []
    assert found.damaged == [f"{bench.directory}/9.9"]


@pytest.mark.parametrize("call", ["fdatasync", "pwrite"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_acknowledges_nothing_and_a_fresh_segment_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    (before,) = bench.commit(message(1))
    assert isinstance(before, Place)
    real = getattr(os, call)
    failures = [True]

    def fail(*arguments: object) -> object:
        if failures:
            failures.pop()
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    monkeypatch.setattr(os, call, fail)
    bench.journal.note(records.done(1, 0))
    (refused,) = bench.commit(message(2))
    assert isinstance(refused, OSError)
    assert before.segment.is_poisoned
    (after,) = bench.commit(message(3))
    assert isinstance(after, Place)
    assert after.segment is not before.segment
    found = {owed.message.number: owed for owed in recover(bench.directory).owed}
    assert {1, 3} <= set(found)
    assert found[1].served == {0}  # the note of the failed batch was written again


def test_without_any_disk_everything_is_refused_until_it_is_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        for call in ("pwrite", "open", "fdatasync"):
            patch.setattr(segment.os, call, fail)
        assert all(isinstance(result, OSError) for result in bench.commit(message(1), message(2)))
        assert isinstance(bench.commit(message(3))[0], OSError)
    assert isinstance(bench.commit(message(4))[0], Place)
    assert 4 in owed_numbers(bench.directory)


def test_a_record_larger_than_a_segment_is_refused(bench: Bench) -> None:
    (refused,) = bench.commit(message(1, SEGMENT_BYTES))
    assert isinstance(refused, OSError)
    assert refused.errno == errno.EFBIG


def test_close_and_remove_leave_an_empty_directory(tmp_path: Path) -> None:
    bench = Bench(str(tmp_path))
    bench.commit(message(1))
    bench.journal.close()
    bench.journal.remove()
    assert os.listdir(tmp_path) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**63), st.binary(max_size=300)), max_size=8), st.binary(max_size=200))
def test_scanning_encoded_records_gives_them_back(entries: list[tuple[int, bytes]], tail: bytes) -> None:
    key = 0x1122334455667788
    data = b"".join(records.encode(records.Draft(records.FAILED, n, (b"abcd", body)), key) for n, body in entries)
    found = list(records.scan(data + tail.replace(b"\x88", b""), 0, key))
    assert [(r.number, r.payload[4:]) for r in found if isinstance(r, records.Record)] == entries

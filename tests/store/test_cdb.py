"""store/cdb: the file is exact to the byte, and a damaged one is a complaint, never a crash."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.store import cdb

RECORDS = st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=40)), max_size=40)


def opened(tmp_path: Path, data: bytes) -> cdb.Reader:
    path = tmp_path / "cdb"
    path.write_bytes(data)
    return cdb.Reader(str(path))


def test_an_empty_database_is_a_header_of_empty_tables_at_its_end() -> None:
    assert cdb.encode([]) == b"\x00\x08\x00\x00\x00\x00\x00\x00" * 256


def test_one_record_lies_after_the_header_and_its_table_has_two_slots() -> None:
    data = cdb.encode([(b"a", b"xyz")])
    h = cdb.hash_key(b"a")
    assert data[2048:2060] == b"\x01\0\0\0\x03\0\0\0axyz"
    slots = [b"\0" * 8] * 2
    slots[(h >> 8) % 2] = h.to_bytes(4, "little") + (2048).to_bytes(4, "little")
    assert data[2060:] == b"".join(slots)
    assert data[8 * (h & 255) :][:8] == (2060).to_bytes(4, "little") + (2).to_bytes(4, "little")


def test_the_first_of_equal_keys_wins_and_all_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path, cdb.encode([(b"k", b"1"), (b"k", b"2"), (b"", b"e")])) as reader:
        assert reader.get(b"k") == b"1"
        assert reader.get_all(b"k") == [b"1", b"2"]
        assert reader.get(b"") == b"e"
        assert reader.get(b"K") is None


def test_a_table_longer_than_one_read_is_searched_whole(tmp_path: Path) -> None:
    records = [(b"same", b"%d" % n) for n in range(300)]
    with opened(tmp_path, cdb.encode(records)) as reader:
        assert reader.get_all(b"same") == [data for _, data in records]


@given(records=RECORDS)
def test_what_was_written_is_found(
    records: list[tuple[bytes, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected: dict[bytes, list[bytes]] = {}
    for key, data in records:
        expected.setdefault(key, []).append(data)
    with opened(tmp_path_factory.mktemp("cdb"), cdb.encode(records)) as reader:
        for key, values in expected.items():
            assert reader.get_all(key) == values
            assert reader.get(key) == values[0]
        assert reader.get(b"a key of more than twelve bytes") is None


@given(records=RECORDS.filter(bool), data=st.data())
def test_a_damaged_file_is_a_complaint_or_a_wrong_answer_but_never_a_crash(
    records: list[tuple[bytes, bytes]], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(cdb.encode(records))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        try:
            with opened(tmp_path_factory.mktemp("cdb"), damaged) as reader:
                for key, _ in records:
                    assert len(reader.get_all(key)) <= len(damaged)
        except Malformed:
            pass


def test_a_full_table_without_an_empty_slot_ends_the_search(tmp_path: Path) -> None:
    data = bytearray(cdb.encode([(b"a", b"1")]))
    h = cdb.hash_key(b"a")
    other = (h ^ 0x10000).to_bytes(4, "little") + (2048).to_bytes(4, "little")
    data[-16:] = other * 2
    with opened(tmp_path, bytes(data)) as reader:
        assert reader.get(b"a") is None


@pytest.mark.parametrize("size", [0, 1, 2047])
def test_a_file_without_a_whole_header_is_malformed(tmp_path: Path, size: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Malformed):
        opened(tmp_path, b"\0" * size)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_table_and_a_record_outside_the_file_are_malformed(tmp_path: Path) -> None:
    good = cdb.encode([(b"a", b"1")])
    slot = 8 * (cdb.hash_key(b"a") & 255)
    far_table = bytearray(good)
    far_table[slot + 4 : slot + 8] = b"\xff\xff\xff\xff"
    long_record = bytearray(good)
    long_record[2052:2056] = b"\xff\xff\xff\xff"
    for damaged in (far_table, long_record):
        with opened(tmp_path, bytes(damaged)) as reader, pytest.raises(Malformed):
            reader.get(b"a")


def test_a_file_that_shrinks_under_the_reader_is_malformed(tmp_path: Path) -> None:
    with opened(tmp_path, cdb.encode([(b"a", b"1" * 100)])) as reader:
        os.truncate(tmp_path / "cdb", 2060)
        with pytest.raises(Malformed):
            reader.get(b"a")


def test_a_missing_file_is_the_kernels_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cdb.Reader(str(tmp_path / "none"))


def test_write_replaces_the_database_in_one_step_with_the_mode_asked_for(tmp_path: Path) -> None:
    path, temporary = str(tmp_path / "cdb"), str(tmp_path / "cdb.tmp")
    (tmp_path / "cdb").write_bytes(b"old")
    (tmp_path / "cdb.tmp").write_bytes(b"left by a crash")
    old = open(path, "rb")
    cdb.write(path, temporary, [(b"a", b"1")], 0o640)
    assert old.read() == b"old"
    old.close()
    assert not os.path.exists(temporary)
    assert os.stat(path).st_mode & 0o7777 == 0o640
    with cdb.Reader(path) as reader:
        assert reader.get(b"a") == b"1"


def test_the_error_of_write_tells_which_step_failed(tmp_path: Path) -> None:
    with pytest.raises(OSError) as creating:
        cdb.write(str(tmp_path / "cdb"), str(tmp_path / "none" / "tmp"), [])
    assert creating.value.filename == str(tmp_path / "none" / "tmp")
    (tmp_path / "dir").mkdir()
    with pytest.raises(OSError) as renaming:
        cdb.write(str(tmp_path / "dir"), str(tmp_path / "tmp"), [])
    assert renaming.value.filename2 == str(tmp_path / "dir")
    assert not os.path.exists(tmp_path / "tmp")


def test_a_database_above_four_gibibytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdb, "SIZE_LIMIT", 2048 + 8 + 2 + 16)
    assert cdb.encode([(b"a", b"1")])
    for limit in (2048 + 8 + 2 + 15, 2048 + 8 + 1):
        monkeypatch.setattr(cdb, "SIZE_LIMIT", limit)
        with pytest.raises(Malformed):
            cdb.encode([(b"a", b"1")])


def streamed(path: Path, records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The file that `stream` makes."""
    cdb.stream(cdb.begin(os.fsencode(path)), records)
    return path.read_bytes()


@given(records=RECORDS)
def test_a_stream_of_records_makes_the_same_file(
    records: list[tuple[bytes, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert streamed(tmp_path_factory.mktemp("cdb") / "x", iter(records)) == cdb.encode(records)


def test_a_long_stream_makes_the_same_file_too(tmp_path: Path) -> None:
    records = [(b"key %d" % number, b"x" * 1000) for number in range(3000)]
    assert streamed(tmp_path / "x", records) == cdb.encode(records)


def test_a_stream_that_breaks_off_leaves_an_empty_file(tmp_path: Path) -> None:
    def breaking() -> Iterator[tuple[bytes, bytes]]:
        for number in range(5000):
            yield b"%d" % number, b"x" * 1000
        raise Malformed("no")

    with pytest.raises(Malformed):
        streamed(tmp_path / "x", breaking())
    assert (tmp_path / "x").read_bytes() == b""


@given(records=RECORDS, size=st.integers(1, 3000))
def test_records_are_read_from_a_pipe_in_order(records: list[tuple[bytes, bytes]], size: int) -> None:
    stream = io.BytesIO(cdb.encode(records))
    assert list(cdb.scan(lambda count: stream.read(min(count, size)))) == records


@given(records=RECORDS.filter(bool), cut=st.integers(1, 60))
def test_a_pipe_that_ends_within_a_record_is_malformed(records: list[tuple[bytes, bytes]], cut: int) -> None:
    data = cdb.encode(records)
    end = int.from_bytes(data[:4], "little")
    stream = io.BytesIO(data[: max(0, end - cut)])
    with pytest.raises(Malformed):
        list(cdb.scan(stream.read))


def test_a_record_that_reaches_into_the_tables_is_malformed() -> None:
    data = bytearray(cdb.encode([(b"a", b"xyz")]))
    data[2052] = 4
    with pytest.raises(Malformed):
        list(cdb.scan(io.BytesIO(data).read))


def test_a_new_file_is_not_written_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"kept")
    (tmp_path / "list.tmp").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic links"):
        cdb.begin(os.fsencode(tmp_path / "list.tmp"))
    assert (tmp_path / "precious").read_bytes() == b"kept"

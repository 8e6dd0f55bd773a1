"""store/deadhosts: the table of hosts that did not answer. (qmail tcpto)"""

from __future__ import annotations

import fcntl
import ipaddress
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmtwist.store.deadhosts import DeadHosts, Record

NOW = 1_800_000_000
HOST, HOST6 = "192.0.2.1", "2001:db8::1"
COUNT_AT = {HOST: 4, HOST6: 16}


@pytest.fixture
def table(tmp_path: Path) -> DeadHosts:
    (tmp_path / "tcpto").write_bytes(bytes(1024))
    (tmp_path / "tcpto6").write_bytes(bytes(2048))
    return DeadHosts(str(tmp_path / "tcpto"))


def path_of(table: DeadHosts, address: str) -> Path:
    return Path(table.paths[":" in address])


def ipv4(record: tuple[str, int, int], rest: bytes = b"abcdefg") -> bytes:
    """A record as qmail writes it; `rest` is what it leaves as it was."""
    address, count, when = record
    return ipaddress.ip_address(address).packed + bytes((count,)) + rest[:3] + when.to_bytes(4, "little") + rest[3:7]


def fill(table: DeadHosts, *records: tuple[str, int, int]) -> None:
    data = b"".join(ipv4(record, bytes(7)) for record in records)
    Path(table.paths[0]).write_bytes(data.ljust(1024, b"\0"))


BOTH = pytest.mark.parametrize("host", [HOST, HOST6])


@BOTH
def test_two_timeouts_make_a_host_dead_for_64_minutes_and_a_little_more_by_pid(table: DeadHosts, host: str) -> None:
    table.timed_out(host, NOW)
    assert not table.is_dead(host, NOW, 0)
    table.timed_out(host, NOW + 120)
    assert table.records() == [Record(host, 2, NOW + 120)]
    for pid, seconds in ((0, 3840), (32, 3840), (31, 5824), (1001, 60 * 64 + 9 * 64)):
        assert table.is_dead(host, NOW + 120 + seconds - 1, pid)
        assert not table.is_dead(host, NOW + 120 + seconds, pid)


@BOTH
def test_timeouts_within_two_minutes_count_once_and_counts_stop_at_ten(table: DeadHosts, host: str) -> None:
    table.timed_out(host, NOW)
    table.timed_out(host, NOW + 119)
    assert table.records() == [Record(host, 1, NOW)]
    for number in range(1, 12):
        table.timed_out(host, NOW + number * 120)
    assert table.records() == [Record(host, 10, NOW + 11 * 120)]


@BOTH
def test_an_answer_clears_the_count_and_keeps_the_rest_of_the_record(table: DeadHosts, host: str) -> None:
    table.timed_out(host, NOW)
    before = path_of(table, host).read_bytes()
    table.answered(host)
    after = path_of(table, host).read_bytes()
    assert table.records() == []
    assert [at for at in range(len(before)) if before[at] != after[at]] == [COUNT_AT[host]]


def test_the_bytes_are_qmails_and_unused_ones_stay(table: DeadHosts) -> None:
    path = Path(table.paths[0])
    old = ipv4(("10.9.0.1", 1, NOW - 500)) + ipv4(("10.9.0.2", 0, NOW - 500), b"hijklmn") + bytes(992)
    path.write_bytes(old)
    table.timed_out(HOST, NOW)
    table.timed_out("10.9.0.1", NOW)
    assert path.read_bytes() == ipv4(("10.9.0.1", 2, NOW)) + ipv4((HOST, 1, NOW), b"hijklmn") + bytes(992)


def test_the_bytes_of_ipv6_are_address_count_and_time(table: DeadHosts) -> None:
    table.timed_out(HOST6, NOW)
    record = ipaddress.ip_address(HOST6).packed + b"\1" + bytes(7) + NOW.to_bytes(8, "little")
    assert Path(table.paths[1]).read_bytes() == record + bytes(2048 - 32)


def test_a_full_table_gives_up_the_record_with_the_least_time_plus_1024_seconds_per_count(table: DeadHosts) -> None:
    records = [(f"10.9.0.{number}", 1 + number % 3, NOW - number) for number in range(64)]
    fill(table, *records)
    table.timed_out(HOST, NOW)
    least = min(records, key=lambda record: record[2] + record[1] * 1024)
    assert {record.address for record in table.records()} == {record[0] for record in records} - {least[0]} | {HOST}


def test_a_time_in_the_future_keeps_nobody_away_and_is_the_first_to_go(table: DeadHosts) -> None:
    fill(table, *[(f"10.9.0.{number}", 2, NOW - 5000 + number) for number in range(63)], (HOST, 9, NOW + 10**8))
    assert not table.is_dead(HOST, NOW, 0)
    table.timed_out("192.0.2.2", NOW)
    assert table.records()[63] == Record("192.0.2.2", 1, NOW)


def test_a_clock_that_was_set_back_costs_no_record_while_there_is_room(table: DeadHosts) -> None:
    table.timed_out(HOST, NOW)
    table.timed_out("192.0.2.2", NOW - 5)
    assert [record.address for record in table.records()] == [HOST, "192.0.2.2"]


def test_a_timeout_renews_a_record_from_the_future(table: DeadHosts) -> None:
    fill(table, (HOST, 1, NOW + 10**8))
    table.timed_out(HOST, NOW)
    assert table.records() == [Record(HOST, 2, NOW)]


def test_without_the_file_there_is_no_memory_and_no_file_is_made(tmp_path: Path) -> None:
    table = DeadHosts(str(tmp_path / "tcpto"))
    for host in (HOST, HOST6):
        table.timed_out(host, NOW)
        table.timed_out(host, NOW + 500)
        table.answered(host)
        assert not table.is_dead(host, NOW + 500, 0)
    assert os.listdir(tmp_path) == []


def test_ipv6_is_off_alone_in_a_home_that_qmail_made(table: DeadHosts) -> None:
    os.unlink(table.paths[1])
    table.timed_out(HOST6, NOW)
    table.timed_out(HOST, NOW)
    assert table.records() == [Record(HOST, 1, NOW)]
    table.clear()
    assert not os.path.exists(table.paths[1])


def test_a_file_cut_short_has_as_many_records_as_it_holds(table: DeadHosts) -> None:
    Path(table.paths[0]).write_bytes(bytes(40))
    for number in range(3):
        table.timed_out(f"192.0.2.{number}", NOW + number)
    # the older of two gave way; the 8 bytes behind them are nobody's
    assert [record.address for record in table.records()] == ["192.0.2.2", "192.0.2.1"]
    assert os.path.getsize(table.paths[0]) == 40


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(data=st.binary(max_size=3000), host=st.sampled_from([HOST, HOST6, "0.0.0.0", "::"]))
def test_nonsense_in_the_file_harms_nobody(table: DeadHosts, data: bytes, host: str) -> None:
    path = path_of(table, host)
    path.write_bytes(data)
    table.is_dead(host, NOW, 7)
    table.timed_out(host, NOW)
    table.answered(host)
    table.records()
    assert not table.is_dead(host, NOW, 7)
    assert path.stat().st_size == len(data)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink(path, path)])
def test_something_else_in_the_files_place_harms_nobody(tmp_path: Path, make: object) -> None:
    path = str(tmp_path / "tcpto")
    make(path)  # type: ignore[operator]
    table = DeadHosts(path)
    table.timed_out(HOST, NOW)
    table.answered(HOST)
    assert not table.is_dead(HOST, NOW, 0)


def test_who_holds_the_lock_for_ever_stops_nobody(table: DeadHosts) -> None:
    fill(table, (HOST, 2, NOW))
    with open(table.paths[0], "rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert not table.is_dead(HOST, NOW, 0)
        table.timed_out("192.0.2.2", NOW)
        with pytest.raises(BlockingIOError) as raised:
            table.records()
    assert raised.value.filename == table.paths[0]
    assert table.is_dead(HOST, NOW, 0)
    assert len(table.records()) == 1


def test_clear_writes_zeros_of_the_full_size(table: DeadHosts) -> None:
    for path in table.paths:
        Path(path).write_bytes(b"x" * 5000)
    table.clear()
    assert [Path(path).read_bytes() for path in table.paths] == [bytes(1024), bytes(2048)]


def test_a_table_that_is_missing_is_an_error_for_tools(tmp_path: Path) -> None:
    table = DeadHosts(str(tmp_path / "tcpto"))
    for verb in (table.clear, table.records):
        with pytest.raises(FileNotFoundError) as raised:
            verb()
        assert raised.value.filename == table.paths[0]

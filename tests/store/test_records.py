"""info, local and remote files, as qmail reads and writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import Layout, missing, split_name
from tests.support.queues import make_queue, put

addresses = st.binary(max_size=20).map(lambda text: text.replace(b"\0", b"-"))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def test_a_message_lives_where_qmail_looks_for_it() -> None:
    layout = Layout("/q")
    assert split_name(457) == "20/457"
    assert [layout.mess(457), layout.info(457), layout.channel("local", 457), layout.channel("remote", 457)] == [
        "/q/mess/20/457",
        "/q/info/20/457",
        "/q/local/20/457",
        "/q/remote/20/457",
    ]
    assert [layout.intd(457), layout.todo(457), layout.bounce(457)] == ["/q/intd/457", "/q/todo/457", "/q/bounce/457"]


def test_missing_directories_are_named(layout: Layout) -> None:
    assert missing(layout.queue) == []
    os.rmdir(f"{layout.queue}/info/22")
    os.rmdir(f"{layout.queue}/todo")
    assert missing(layout.queue) == ["todo", "info/22"]


@given(addresses)
def test_an_info_file_gives_back_its_sender(sender: bytes) -> None:
    assert records.encode_info(sender) == b"F" + sender + b"\0"
    assert records.parse_info(records.encode_info(sender)) == sender


@pytest.mark.parametrize("data", [b"", b"F", b"Fs@x", b"Ts@x\0", b"\0"])
def test_a_damaged_info_file_is_noticed(data: bytes) -> None:
    with pytest.raises(Malformed):
        records.parse_info(data)


@given(st.lists(st.tuples(st.booleans(), addresses), max_size=6))
def test_a_channel_file_gives_back_marks_addresses_and_offsets(recipients: list[tuple[bool, bytes]]) -> None:
    data = records.encode_recipients(recipients)
    found = records.parse_recipients(data)
    assert [(recipient.is_done, recipient.address) for recipient in found] == recipients
    assert all(data[recipient.offset : recipient.offset + 1] in (b"T", b"D") for recipient in found)


@pytest.mark.parametrize("data", [b"", b"Ta@x", b"Ta@x\0Tb@"])
def test_recipients_that_were_cut_off_are_not_taken_for_served(layout: Layout, data: bytes) -> None:
    put(layout.channel("local", 30), data)
    with pytest.raises(Malformed):
        records.read_recipients(layout, "local", 30)


@pytest.mark.parametrize("data", [b"Xa@x\0", b"Ta@x\0\0", b"ta@x\0"])
def test_a_damaged_channel_file_is_noticed(data: bytes) -> None:
    with pytest.raises(Malformed):
        records.parse_recipients(data)


def test_marking_changes_one_byte(layout: Layout) -> None:
    put(layout.channel("local", 30), b"Ta@x\0Tb@x\0Tc@x\0")
    found = records.read_recipients(layout, "local", 30)
    assert found is not None
    records.mark_done(layout, "local", 30, found[1].offset)
    assert Path(layout.channel("local", 30)).read_bytes() == b"Ta@x\0Db@x\0Tc@x\0"


def test_marking_a_file_that_is_gone_makes_no_new_one(layout: Layout) -> None:
    with pytest.raises(FileNotFoundError):
        records.mark_done(layout, "local", 30, 0)
    assert not os.path.exists(layout.channel("local", 30))


def test_birth_and_due_are_the_times_of_the_files(layout: Layout) -> None:
    put(layout.info(30), b"Fs@x\0", age_s=10, now=1000)
    assert records.read_info(layout, 30) == (b"s@x", 990)
    put(layout.channel("remote", 30), b"Ta@x\0")
    records.set_due(layout, "remote", 30, 123456)
    assert os.stat(layout.channel("remote", 30)).st_mtime == 123456


def test_no_file_means_that_the_channel_is_finished(layout: Layout) -> None:
    assert records.read_recipients(layout, "local", 30) is None

"""From the journal into qmail's files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.store import durable
from qmtwist.store.queue import rest
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.rest import Resting, put_to_rest, sync_filesystem
from tests.support.faults import FaultyOs
from tests.support.queues import files, make_queue, put

BIRTH = 1795238029


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def resting(number: int = 30) -> Resting:
    return Resting(
        number,
        BIRTH,
        b"s@x",
        b"Subject: t\n\nbody\n",
        [(False, b"a@x"), (True, b"b@x")],
        [(True, b"c@far")],
        BIRTH + 100,
        BIRTH + 400,
        b"<b@x>:\nno\n\n",
    )


FILES = {
    "mess/7/30": b"Subject: t\n\nbody\n",
    "info/7/30": b"Fs@x\0",
    "local/7/30": b"Ta@x\0Db@x\0",
    "bounce/30": b"<b@x>:\nno\n\n",
}


def test_a_message_at_rest_has_qmails_files_modes_and_times(layout: Layout) -> None:
    old = os.umask(0o77)
    try:
        put_to_rest(layout, [resting()])
    finally:
        os.umask(old)
    assert files(layout) == FILES
    modes = {path: os.stat(f"{layout.queue}/{path}").st_mode & 0o777 for path in FILES}
    assert modes == {"mess/7/30": 0o644, "info/7/30": 0o600, "local/7/30": 0o600, "bounce/30": 0o600}
    assert os.stat(layout.info(30)).st_mtime == BIRTH
    assert os.stat(layout.channel("local", 30)).st_mtime == BIRTH + 100


def test_the_remains_of_an_attempt_are_made_anew(layout: Layout) -> None:
    for path in (layout.mess(30), layout.channel("remote", 30), layout.channel("local", 30), layout.bounce(30)):
        put(path, b"remains")
    put(f"{layout.pid}/rest.30", b"remains")
    put_to_rest(layout, [resting()])
    assert files(layout) == FILES


def test_a_message_that_has_its_info_is_left_alone_but_synced(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    put_to_rest(layout, [resting()])
    put(layout.channel("local", 30), b"Da@x\0Db@x\0")
    synced: list[str] = []
    monkeypatch.setattr(rest, "sync_filesystem", synced.append)
    put_to_rest(layout, [resting()])
    assert files(layout)["local/7/30"] == b"Da@x\0Db@x\0"
    assert synced == [layout.queue]


def test_nothing_to_do_costs_no_sync(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "sync_filesystem", lambda path: pytest.fail("synced"))
    put_to_rest(layout, [])


def test_many_messages_share_two_syncs(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def sync(path: str) -> None:
        seen.append(sum(name.startswith("info/") for name in files(layout)))

    monkeypatch.setattr(rest, "sync_filesystem", sync)
    put_to_rest(layout, [resting(number) for number in range(1, 41)])
    assert seen == [0, 40]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES])
def test_whatever_disk_call_fails_nothing_is_left_and_the_next_attempt_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failing, refusals = 0, 0
    while True:
        failing += 1
        layout = make_queue(str(tmp_path / f"queue{failing}"))
        faulty = FaultyOs(failing, code)
        problem: OSError | None = None
        with monkeypatch.context() as patch:
            for module in (rest, durable):
                patch.setattr(module, "os", faulty)
            try:
                put_to_rest(layout, [resting(30), resting(31)])
            except OSError as error:
                problem = error
        if problem is not None:
            refusals += 1
            assert files(layout) == {}
        elif not faulty.has_failed:
            break
        put_to_rest(layout, [resting(30), resting(31)])
        assert {name: data for name, data in files(layout).items() if name.endswith("30")} == FILES
        assert len(files(layout)) == 8
    assert refusals > 30


def test_a_file_system_that_cannot_be_synced_says_so() -> None:
    with pytest.raises(OSError, match="No such file"):
        sync_filesystem("/nowhere")


def test_an_error_of_the_sync_is_heard(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        @staticmethod
        def syncfs(descriptor: int) -> int:
            return -1

    monkeypatch.setattr(rest, "_libc", Library)
    monkeypatch.setattr(rest.ctypes, "get_errno", lambda: errno.EIO)
    with pytest.raises(OSError, match="Input/output error") as caught:
        sync_filesystem(layout.queue)
    assert caught.value.errno == errno.EIO

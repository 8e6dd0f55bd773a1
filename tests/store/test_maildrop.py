from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.store import maildrop
from qmtwist.store.maildrop import TMP_AGE_S, Maildrop, open_maildrop, unique_name

NOW = 1_800_000_000


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for room in ("tmp", "new", "cur"):
        (tmp_path / "Maildir" / room).mkdir(parents=True)
    return tmp_path / "Maildir"


def put(maildir: Path, path: str, text: bytes = b"text\n", age: float = 100) -> None:
    (maildir / path).write_bytes(text)
    os.utime(maildir / path, ns=(int((NOW - age) * 10**9),) * 2)


def names(maildir: Path) -> list[str]:
    return sorted(f"{room}/{name}" for room in ("tmp", "new", "cur") for name in os.listdir(maildir / room))


def opened(maildir: Path, hides_young: bool = False) -> Maildrop:
    return open_maildrop(os.fsencode(maildir), NOW, hides_young)


def paths(drop: Maildrop) -> list[bytes]:
    return [message.path for message in drop.messages]


def read(drop: Maildrop, index: int) -> bytes:
    descriptor = drop.open_message(index)
    try:
        return os.read(descriptor, 10_000)
    finally:
        os.close(descriptor)


def test_messages_are_listed_by_age_then_by_name(maildir: Path) -> None:
    put(maildir, "new/b", b"12", age=50)
    put(maildir, "cur/c:2,S", b"123", age=50)
    put(maildir, "new/a", b"1", age=50)
    put(maildir, "new/z", b"", age=60)
    drop = opened(maildir)
    assert paths(drop) == [b"new/z", b"new/a", b"new/b", b"cur/c:2,S"]
    assert [message.size for message in drop.messages] == [0, 1, 2, 3]
    drop.close()


def test_hidden_names_and_directories_are_no_messages(maildir: Path) -> None:
    put(maildir, "new/.hidden")
    (maildir / "cur" / "folder").mkdir()
    put(maildir, "new/a")
    drop = opened(maildir)
    assert paths(drop) == [b"new/a"]
    drop.close()


def test_names_that_are_no_utf8_are_read_and_moved(maildir: Path) -> None:
    strange = os.fsencode(maildir) + b"/new/\xff\xfe"
    with open(strange, "wb") as stream:
        stream.write(b"text")
    drop = opened(maildir)
    assert read(drop, 0) == b"text"
    drop.keep([0])
    assert os.listdir(os.fsencode(maildir) + b"/cur") == [b"\xff\xfe:2,"]
    drop.close()


def test_only_qmails_manner_hides_a_file_not_older_than_now(maildir: Path) -> None:
    put(maildir, "new/old", age=1)
    put(maildir, "new/now", age=0)
    put(maildir, "new/future", age=-3600)
    drop = opened(maildir, hides_young=True)
    assert paths(drop) == [b"new/old"]
    drop.close()
    drop = opened(maildir)
    assert paths(drop) == [b"new/old", b"new/now", b"new/future"]
    drop.close()


def test_dead_deliveries_are_removed_from_tmp_and_nothing_else(maildir: Path) -> None:
    put(maildir, "tmp/old", age=TMP_AGE_S + 1)
    put(maildir, "tmp/exact", age=TMP_AGE_S)
    put(maildir, "tmp/.old", age=TMP_AGE_S + 1)
    (maildir / "tmp" / "directory").mkdir()
    os.utime(maildir / "tmp" / "directory", (0, 0))
    opened(maildir).close()
    assert names(maildir) == ["tmp/.old", "tmp/directory", "tmp/exact"]


def test_a_missing_maildir_is_permanent_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="this user has no"):
        opened(tmp_path / "Maildir")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("room", ["new", "cur"])
def test_a_missing_part_is_temporary_and_not_made(maildir: Path, room: str) -> None:
    (maildir / room).rmdir()
    with pytest.raises(Temporary, match="unable to scan"):
        opened(maildir)
    assert not (maildir / room).exists()


def test_a_missing_tmp_does_not_matter(maildir: Path) -> None:
    (maildir / "tmp").rmdir()
    put(maildir, "new/a")
    drop = opened(maildir)
    assert paths(drop) == [b"new/a"]
    drop.close()


def test_opening_and_closing_leaves_no_descriptor_open(maildir: Path) -> None:
    put(maildir, "new/a")
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        opened(maildir).close()
        os.rename(maildir / "cur", maildir / "away")
        with pytest.raises(Temporary):
            opened(maildir)
        os.rename(maildir / "away", maildir / "cur")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_nothing_changes_without_delete_or_keep(maildir: Path) -> None:
    put(maildir, "new/a")
    put(maildir, "cur/b:2,S")
    opened(maildir).close()
    assert names(maildir) == ["cur/b:2,S", "new/a"]


def test_keep_moves_new_messages_only(maildir: Path) -> None:
    put(maildir, "new/a")
    put(maildir, "new/b:odd")
    put(maildir, "cur/c")
    drop = opened(maildir)
    drop.keep(range(3))
    assert names(maildir) == ["cur/a:2,", "cur/b:odd:2,", "cur/c"]
    drop.close()


def test_delete_counts_what_it_could_not_delete(maildir: Path) -> None:
    for name in "abc":
        put(maildir, f"new/{name}")
    drop = opened(maildir)
    os.unlink(maildir / "new" / "b")
    assert drop.delete([0, 1], counts_gone=True) == 1
    assert drop.delete([0, 1], counts_gone=False) == 0
    assert names(maildir) == ["new/c"]
    drop.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may delete anywhere")
def test_what_may_not_be_deleted_is_counted(maildir: Path) -> None:
    put(maildir, "new/a")
    drop = opened(maildir)
    os.chmod(maildir / "new", 0o500)
    assert drop.delete([0], counts_gone=False) == 1
    os.chmod(maildir / "new", 0o700)
    drop.close()


def test_a_message_that_another_reader_has_moved_is_still_ours(maildir: Path) -> None:
    put(maildir, "new/1000.1.host", b"one")
    put(maildir, "cur/1001.2.host:2,", b"two", age=50)
    drop = opened(maildir)
    os.rename(maildir / "new/1000.1.host", maildir / "cur/1000.1.host:2,S")
    os.rename(maildir / "cur/1001.2.host:2,", maildir / "cur/1001.2.host:2,FS")
    assert [read(drop, 0), read(drop, 1)] == [b"one", b"two"]
    assert drop.delete([0, 1], counts_gone=True) == 0
    assert names(maildir) == []
    drop.close()


def test_a_message_that_is_gone_cannot_be_opened(maildir: Path) -> None:
    put(maildir, "new/a")
    drop = opened(maildir)
    os.unlink(maildir / "new/a")
    with pytest.raises(FileNotFoundError):
        drop.open_message(0)
    drop.close()


def test_deliveries_during_the_session_are_neither_seen_nor_lost(maildir: Path) -> None:
    """A writer delivers all the time while sessions open, read all, delete half, keep half, and close."""
    total = 300
    deleted: list[bytes] = []

    def deliver() -> None:
        for number in range(total):
            path = maildir / "tmp" / f"{number:05}"
            path.write_bytes(b"%d\n" % number)
            os.rename(path, maildir / "new" / path.name)

    writer = threading.Thread(target=deliver)
    writer.start()
    is_written = False
    while not is_written:
        is_written = not writer.is_alive()
        drop = open_maildrop(os.fsencode(maildir), int(time.time()))
        for index, message in enumerate(drop.messages):
            assert read(drop, index) == b"%d\n" % int(unique_name(message.path))
        half = len(drop.messages) // 2
        deleted += [unique_name(message.path) for message in drop.messages[:half]]
        assert drop.delete(range(half), counts_gone=True) == 0
        drop.keep(range(half, len(drop.messages)))
        drop.close()
    writer.join()
    left = [name.encode()[4:-3] for name in names(maildir)]  # all were kept by the last session
    assert sorted(deleted + left) == [b"%05d" % number for number in range(total)]


def test_a_message_moved_while_we_look_is_listed_once(maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(maildir, "new/a")
    real = maildrop._entries

    def moving(directory: int, room: bytes) -> Iterator[os.DirEntry[str]]:
        if room == b"cur":
            os.rename(maildir / "new/a", maildir / "cur/a:2,S")
        return real(directory, room)

    with monkeypatch.context() as patch:
        patch.setattr(maildrop, "_entries", moving)
        drop = opened(maildir)
    assert len(drop.messages) == 1
    assert read(drop, 0) == b"text\n"
    assert drop.delete([0], counts_gone=True) == 0
    drop.close()


def test_unique_names() -> None:
    assert unique_name(b"new/1.a") == b"1.a"
    assert unique_name(b"cur/1.a:2,RS") == b"1.a"
    assert unique_name(b"cur/1.a:1,odd:x") == b"1.a"

"""A maildir as POP3 sees it: a list fixed when it is opened, messages read by number, changes at the end only.

No lock is taken. Deliveries during the session are not seen and not touched; another reader may rename a message (a
flag is set, `new/` becomes `cur/`), so a name that is gone is looked for once more by its unique part.
"""

from __future__ import annotations

import os
import stat

from qmtwist.mail.errors import Permanent, Temporary, suppress
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple

TMP_AGE_S = 129_600  # a delivery that takes longer than 36 hours is dead
NO_MAILDIR = "this user has no $HOME/Maildir"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Message(NamedTuple):
    """One message: its path below the maildir (`new/NAME` or `cur/NAME:2,FLAGS`) and its stored size in bytes."""

    path: bytes
    size: int


def unique_name(path: bytes) -> bytes:
    """What stays the same when a message moves or its flags change.

    >>> unique_name(b"cur/1000.1.host:2,S")
    b'1000.1.host'
    """
    return path[4:].partition(b":")[0]


class Maildrop:
    """An open maildir. Made by `open_maildrop` per session; `close` lets its descriptor go."""

    def __init__(self, directory: int, messages: list[Message]) -> None:
        self._directory = directory
        self.messages = messages
        self._moved: dict[bytes, bytes] = {}  # unique name to path, as it was when a message was last missed

    def open_message(self, index: int) -> int:
        """A descriptor of a message, to read.

        :raises OSError: it is gone or cannot be read.
        """
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.open(self.messages[index].path, flags, dir_fd=self._directory)
        except FileNotFoundError:
            self._look_around()
            return os.open(self._path_now(index), flags, dir_fd=self._directory)

    def delete(self, indexes: Iterable[int], counts_gone: bool) -> int:
        """Delete messages; how many could not be deleted, with `counts_gone` also those that were gone already.

        Not crash-safe: after a power cut a deleted message may be there again; it is never half there.
        """
        failures = 0
        has_looked = False
        for index in indexes:
            try:
                try:
                    os.unlink(self.messages[index].path, dir_fd=self._directory)
                except FileNotFoundError:
                    if not has_looked:
                        self._look_around()
                        has_looked = True
                    os.unlink(self._path_now(index), dir_fd=self._directory)
            except FileNotFoundError:
                failures += counts_gone
            except OSError:
                failures += 1
        return failures

    def remove(self, index: int) -> None:
        """Delete one message. That it is gone already is no error: somebody else has deleted it.

        :raises OSError: it is there still.
        """
        with suppress(FileNotFoundError):
            try:
                os.unlink(self.messages[index].path, dir_fd=self._directory)
            except FileNotFoundError:
                self._look_around()
                os.unlink(self._path_now(index), dir_fd=self._directory)

    def keep(self, indexes: Iterable[int]) -> None:
        """Move what is still in `new/` to `cur/` with `:2,`, whether it was read or not; trouble is ignored."""
        for index in indexes:
            path = self.messages[index].path
            if path.startswith(b"new/"):
                target = b"cur/%s:2," % path[4:]
                try:
                    os.rename(path, target, src_dir_fd=self._directory, dst_dir_fd=self._directory)
                except OSError:
                    continue

    def close(self) -> None:
        """Let the maildir go; what was not done does not happen."""
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _path_now(self, index: int) -> bytes:
        unique = unique_name(self.messages[index].path)
        try:
            return self._moved[unique]
        except KeyError:
            raise FileNotFoundError(unique) from None

    def _look_around(self) -> None:
        """Note where each message is now.

        :raises OSError: the maildir cannot be listed any more.
        """
        names = (
            (room, os.fsencode(entry.name)) for room in (b"new", b"cur") for entry in _entries(self._directory, room)
        )
        self._moved = {name.partition(b":")[0]: b"%s/%s" % (room, name) for room, name in names}


def open_maildrop(path: bytes, now: int, hides_young: bool = False) -> Maildrop:
    """Open a maildir: old files in `tmp` removed, the messages listed, oldest first, then by name.

    `hides_young`: a message whose file is not older than the second `now` is left for the next time, as qmail does.
    Names that begin with a dot, and what is no file, are left out. A maildir or a part of it is never created.
    :raises Permanent: there is no such maildir.
    :raises Temporary: it cannot be opened, or its `new` or `cur` cannot be listed. Both with qmail-pop3d's text.
    """
    try:
        directory = os.open(path, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Permanent(NO_MAILDIR) from error
    except OSError as error:
        raise Temporary(NO_MAILDIR) from error
    try:
        _clean(directory, now - TMP_AGE_S)
        messages = _scan(directory, now * 1_000_000_000 if hides_young else 1 << 63)
    except BaseException as error:
        os.close(directory)
        if isinstance(error, OSError):
            raise Temporary("unable to scan $HOME/Maildir") from error
        raise
    return Maildrop(directory, messages)


def _scan(directory: int, before_ns: int) -> list[Message]:
    found: list[tuple[int, bytes, int, bytes]] = []
    seen: set[int] = set()  # inodes: a message that is moved while we look may be met in both rooms
    for room in (b"new", b"cur"):
        for entry in _entries(directory, room):
            try:
                facts = entry.stat()
            except OSError:
                continue  # moved or deleted while we looked
            if facts.st_mtime_ns < before_ns and stat.S_ISREG(facts.st_mode):
                if facts.st_nlink == 1 and facts.st_ino in seen:
                    continue
                seen.add(facts.st_ino)
                name = os.fsencode(entry.name)
                found.append((facts.st_mtime_ns, name, facts.st_size, b"%s/%s" % (room, name)))
    found.sort()
    return [Message(path, size) for _, _, size, path in found]


def _entries(directory: int, room: bytes) -> Iterator[os.DirEntry[str]]:
    """What a subdirectory holds, hidden names left out. An entry can be asked for its facts only at its turn."""
    descriptor = os.open(room, _DIRECTORY, dir_fd=directory)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if entry.name[0] != ".":
                    yield entry
    finally:
        os.close(descriptor)


def _clean(directory: int, before: int) -> None:
    """Remove from `tmp` what nobody has looked at since `before`; a missing `tmp` and any trouble are ignored."""
    try:
        descriptor = os.open(b"tmp", _DIRECTORY, dir_fd=directory)
    except OSError:
        return
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                try:
                    if entry.stat(follow_symlinks=False).st_atime < before:
                        os.unlink(entry.name, dir_fd=descriptor)
                except OSError:
                    continue
    except OSError:
        return
    finally:
        os.close(descriptor)

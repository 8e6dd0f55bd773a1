"""What has come back to a list, in its directory bounce/. (ezmlm-return, ezmlm-warn)

Three kinds of files: `d` is the first bounce of an address, which gets a warning after a while; `w` is a warning that
came back, after which a probe is sent; `h` has the numbers of the messages that an address has missed. A `d` or `w` is
the address, NUL, and what came back. They lie where ezmlm-idx puts them: d/TIME÷10000/dREST.PID, h/X/hREST, where the
name of an `h` is the address's cookie without a key. Those of ezmlm 0.53, dTIME.PID and hXREST, are found too.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.rules.lists.cookie import digest
from qmtwist.store.durable import append, create, read, sync_directory, unlink_quietly

from .files import Lock, give_up

_SPAN_S = 10_000
_NUMBERS_BYTES = 65536  # of a file of missed numbers; forged bounces cost nothing
_TRIES = 1000  # for a name


class Stored(NamedTuple):
    """One file: `kind` is its letter, `time` when it was written."""

    kind: str
    time: int
    path: str


class Bounces:
    """The bounces of the list in a directory. Hold `lock()` while you use it."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._top = f"{directory}/bounce"

    def lock(self) -> Lock:
        """The lock for all of it."""
        return Lock(f"{self._directory}/lockbounce")

    def note(self, address: bytes, number: int, text: bytes, now: int, pid: int) -> None:
        """A message has come back; `text` is kept if it is the first.

        :raises Temporary: the disk refuses.
        """
        path = self._missed_path(address)
        try:
            if not os.path.exists(path):
                self.keep("d", address, text, now, pid)
                self._make(os.path.dirname(path))
                append(path, b"   %d\n" % number)
                sync_directory(os.path.dirname(path))
            elif os.stat(path).st_size < _NUMBERS_BYTES:
                append(path, b"   %d\n" % number)
        except OSError as error:
            give_up(f"unable to write {path}", error)

    def keep(self, kind: str, address: bytes, text: bytes, now: int, pid: int) -> None:
        """Keep what came back.

        :raises Temporary: the disk refuses.
        """
        for time in range(now, now + _TRIES):
            folder = f"{self._top}/d/{time // _SPAN_S}"
            path = f"{folder}/{kind}{time % _SPAN_S}.{pid}"
            try:
                self._make(folder)
                create(path, address + b"\0" + text)
                sync_directory(folder)
                return
            except FileExistsError:  # another address of the same bounce
                continue
            except OSError as error:
                give_up(f"unable to write {path}", error)

    def missed(self, address: bytes) -> bytes:
        """The numbers of the messages that an address has missed, one a line.

        :raises Temporary: they cannot be read.
        """
        path = self._missed_path(address)
        try:
            return read(path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            give_up(f"unable to read {path}", error)

    def forget_missed(self, address: bytes) -> None:
        """The address has been told.

        :raises Temporary: the disk refuses.
        """
        self.remove(self._missed_path(address))

    def remove(self, path: str) -> None:
        """Remove a file, and its directory when it is empty and has a time.

        :raises Temporary: the disk refuses.
        """
        try:
            unlink_quietly(path)
        except OSError as error:
            give_up(f"unable to remove {path}", error)
        folder = os.path.dirname(path)
        if os.path.basename(folder).isdigit():
            with suppress(OSError):
                os.rmdir(folder)

    def read(self, stored: Stored) -> tuple[bytes, bytes] | None:
        """The address and what came back; None for a file that a crash has cut off.

        :raises Temporary: it cannot be read.
        """
        try:
            address, mark, text = read(stored.path).partition(b"\0")
        except OSError as error:
            give_up(f"unable to read {stored.path}", error)
        return (address, text) if mark and b"@" in address else None

    def older(self, than: int) -> Iterator[Stored]:
        """The `d` and `w` from before a time.

        :raises Temporary: a directory cannot be read.
        """
        for name in self._names(""):
            if name[:1] in ("d", "w") and (time := _number(name[1:].split(".")[0])) is not None and time < than:
                yield Stored(name[0], time, f"{self._top}/{name}")
        for folder in self._names("d"):
            start = _number(folder)
            if start is None or start * _SPAN_S >= than:
                continue
            for name in self._names(f"d/{folder}"):
                rest = _number(name[1:].split(".")[0])
                if name[:1] in ("d", "w") and rest is not None and start * _SPAN_S + rest < than:
                    yield Stored(name[0], start * _SPAN_S + rest, f"{self._top}/d/{folder}/{name}")

    def missed_older(self, than: int) -> Iterator[str]:
        """The paths of the `h` that nothing was added to since a time.

        :raises Temporary: a directory cannot be read.
        """
        for folder in ("", *[f"h/{name}" for name in self._names("h")]):
            for name in self._names(folder):
                path = f"{self._top}/{folder}/{name}"
                if name[:1] == "h" and len(name) > 1 and _changed(path) < than:
                    yield path

    def _missed_path(self, address: bytes) -> str:
        name = digest(address).decode()
        flat = f"{self._top}/h{name}"
        return flat if os.path.exists(flat) else f"{self._top}/h/{name[0]}/h{name[1:]}"

    def _make(self, folder: str) -> None:
        """A directory and those above it, down from bounce/, which a digest made by hand may not have."""
        if os.path.isdir(folder):
            return
        above = os.path.dirname(folder)
        if folder != self._top:
            self._make(above)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o755)
        sync_directory(above)

    def _names(self, folder: str) -> list[str]:
        path = f"{self._top}/{folder}"
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            give_up(f"unable to read {path}", error)


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return float("inf")
    except OSError as error:
        give_up(f"unable to read {path}", error)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and text.isascii() and len(text) < 16 else None

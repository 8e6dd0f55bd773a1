"""Who is on a list: 53 files of addresses, each `T`, the address and NUL. (ezmlm subscribe.c, issub.c)

An address is in the file that the hash of its lower-case form names, as ezmlm-idx has it. ezmlm 0.53 hashed addresses
as they were; such entries are found, and move when they are subscribed again. Addresses that differ in case only are
one subscriber.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterable, Iterator
from qmtwist.rules.lists.address import FILES, file_of, subscriber
from qmtwist.store.durable import append, sync_directory

from .files import Lock, give_up, read_if_there, rewrite

Entries = dict[bytes, list[bytes]]  # lower-case address to the entries that are it


class Subscribers:
    """The subscribers of the list in a directory. Changes are made under its lock, and durable when they return."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def __iter__(self) -> Iterator[bytes]:
        """Every address, file by file.

        :raises Temporary: one cannot be read.
        """
        for name in FILES:
            for entry in self._read(name).split(b"\0"):
                if entry:
                    yield entry[1:]

    def has(self, address: bytes) -> bool:
        """Whether this address is on the list, whatever its case.

        :raises Malformed: it cannot be.
        :raises Temporary: that cannot be told.
        """
        return self.stored(address) is not None

    def stored(self, address: bytes) -> bytes | None:
        """This address as the list has it, whatever its case; None if it is not there.

        :raises Malformed: it cannot be.
        :raises Temporary: that cannot be told.
        """
        lower = address.lower()
        for name in dict.fromkeys((file_of(lower), file_of(subscriber(address)))):
            if found := self._load({}, name).get(lower):
                return found[0]
        return None

    def add(self, addresses: Iterable[bytes]) -> list[bytes]:
        """Subscribe; those that were not there yet, in order.

        :raises Malformed: one cannot be on a list; nothing has changed.
        :raises Temporary: the disk refuses; any of them may be subscribed.
        """
        return self._change([subscriber(address) for address in addresses], True)

    def remove(self, addresses: Iterable[bytes]) -> list[bytes]:
        """Unsubscribe; those that were there, in order.

        :raises Malformed: one cannot be on a list; nothing has changed.
        :raises Temporary: the disk refuses; any of them may be unsubscribed.
        """
        return self._change([subscriber(address) for address in addresses], False)

    def note(self, event: bytes, addresses: Iterable[bytes], now: int) -> None:
        """Write what happened into the list's Log. That the log cannot be written changes nothing."""
        lines = b"".join([b"%d %s %s\n" % (now, event, address) for address in addresses])
        if not lines:
            return
        with suppress(OSError):
            append(f"{self._directory}/Log", lines)

    def _path(self, name: bytes) -> str:
        return f"{self._directory}/subscribers/{name.decode()}"

    def _read(self, name: bytes) -> bytes:
        """:raises Temporary: it is there, and cannot be read."""
        path = self._path(name)
        try:
            return read_if_there(path) or b""
        except OSError as error:
            give_up(f"unable to read {path}", error)

    def _change(self, addresses: list[bytes], is_adding: bool) -> list[bytes]:
        with Lock(f"{self._directory}/lock"):
            files: dict[bytes, Entries] = {}
            apply = self._add if is_adding else self._remove
            changed = [address for address in addresses if apply(files, address)]
            for name, entries in files.items():
                self._write(name, entries)
        return changed

    def _load(self, files: dict[bytes, Entries], name: bytes) -> Entries:
        if name not in files:
            entries: Entries = {}
            for entry in self._read(name).split(b"\0"):
                if entry:
                    entries.setdefault(entry[1:].lower(), []).append(entry[1:])
            files[name] = entries
        return files[name]

    def _add(self, files: dict[bytes, Entries], address: bytes) -> bool:
        lower = address.lower()
        entries = self._load(files, file_of(lower))
        if lower in entries:
            return False
        entries[lower] = [address]
        old = file_of(address)
        return old == file_of(lower) or self._load(files, old).pop(lower, None) is None

    def _remove(self, files: dict[bytes, Entries], address: bytes) -> bool:
        lower = address.lower()
        for name in dict.fromkeys((file_of(lower), file_of(address))):
            if self._load(files, name).pop(lower, None) is not None:
                return True
        return False

    def _make_room(self) -> None:
        """The directory of the files, which ezmlm-idx makes with the first address."""
        folder = f"{self._directory}/subscribers"
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            sync_directory(self._directory)

    def _write(self, name: bytes, entries: Entries) -> None:
        """:raises Temporary: the file is as it was."""
        path = self._path(name)
        data = b"".join([b"T%s\0" % entry for same in entries.values() for entry in same])
        try:
            if read_if_there(path) != data:
                self._make_room()
                rewrite(path, path + "n", data)
        except OSError as error:
            give_up(f"unable to write {path}", error)

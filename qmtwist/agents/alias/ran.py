"""What an earlier attempt of a delivery has done, so that the next one does not do it again.

When a program has succeeded and something after it fails for now, dot-forward and fastforward leave a note in
`.qmtwist-ran` in the directory where they run, the user's home. The note goes when the delivery has ended; one that was
forgotten goes after `KEEP_S`. Where there is no such trouble there is no such directory. Not known, and so done again:
what a program did before it was killed together with us, and everything where the directory cannot be written.
"""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, Iterator, Mapping
from qmtwist.store import durable

DIRECTORY = ".qmtwist-ran"
KEEP_S = 30 * 86400  # longer than any message stays in the queue
_READ_BYTES = 65536
_NAMES = (b"RECIPIENT", b"SENDER", b"DTLINE")


class Ran:
    """The steps of one delivery that are done. Made for each delivery; the message is descriptor 0, which can be read
    again. A step is known by its text and by how often the same text came before.
    """

    def __init__(self, environ: Mapping[bytes, bytes]) -> None:
        """:raises OSError: the message cannot be read again."""
        self._environ = environ
        self._counts: dict[bytes, int] = {}
        self._new: list[tuple[int, bytes]] = []
        self._path = ""
        self._old = frozenset(self._read()) if os.path.isdir(DIRECTORY) else frozenset[bytes]()

    def once(self, text: bytes, act: Callable[[bytes], None]) -> None:
        """`act` on the next step, if no earlier attempt has done it. If it raises the step is not done."""
        count = self._counts[text] = self._counts.get(text, 0) + 1
        if self._old and _name(count, text) in self._old:
            return
        act(text)
        self._new.append((count, text))

    def end(self, is_final: bool) -> None:
        """The delivery has ended, for good or until the next attempt. That nothing can be noted is no error."""
        with suppress(OSError):
            if not is_final and self._new:
                self._write()
            elif is_final and self._old:
                os.unlink(self._path)
                os.rmdir(DIRECTORY)  # unless there are notes about others: then this is an error, of no interest

    def _read(self) -> list[bytes]:
        self._path = self._find_path()
        try:
            return durable.read(self._path).split()
        except OSError:
            return []

    def _write(self) -> None:
        with suppress(FileExistsError):
            os.mkdir(DIRECTORY, 0o700)
        if not self._path:
            self._path = self._find_path()
        _forget_old()
        names = [_name(*step) for step in self._new]
        durable.replace(self._path, b"\n".join([*self._old, *names, b""]), 0o600)

    def _find_path(self) -> str:
        """The note about this message, to this recipient."""
        return f"{DIRECTORY}/{_digest(self._whole()).decode()}"

    def _whole(self) -> Iterator[bytes]:
        for name in _NAMES:
            yield self._environ.get(name, b"") + b"\0"
        os.lseek(0, 0, os.SEEK_SET)
        while piece := os.read(0, _READ_BYTES):
            yield piece
        os.lseek(0, 0, os.SEEK_SET)


def _name(count: int, text: bytes) -> bytes:
    return _digest([b"%d " % count, text])


def _forget_old() -> None:
    import time

    oldest = time.time() - KEEP_S
    with os.scandir(DIRECTORY) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)


def _digest(pieces: list[bytes] | Iterator[bytes]) -> bytes:
    import hashlib

    total = hashlib.sha256()
    for piece in pieces:
        total.update(piece)
    return total.hexdigest().encode()

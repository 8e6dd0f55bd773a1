"""control/morercpthosts.cdb: the long list of hosts we take mail for. (qmail-newmrh(8))"""

from __future__ import annotations

import os

from qmtwist.store import cdb


class MoreHosts:
    """Looks names up in the database at `path`, opened when first needed and again when a new one has taken its place.

    Made once for a program or a service; a database that is not there has no names.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader: cdb.Reader | None = None
        self._seen: tuple[int, int, int] | None = None

    def __call__(self, name: bytes) -> bool:
        """Whether the name is a key.

        :raises OSError: the file is there and cannot be read.
        :raises Malformed: it is damaged.
        """
        reader = self._current()
        return reader is not None and reader.get(name) is not None

    def close(self) -> None:
        """Give the descriptor back."""
        reader, self._reader, self._seen = self._reader, None, None
        if reader is not None:
            reader.close()

    def __del__(self) -> None:
        # Settings that were replaced live as long as the last session that began under them.
        self.close()

    def _current(self) -> cdb.Reader | None:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            self.close()
            return None
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self.close()
            self._reader, self._seen = cdb.Reader(self._path), seen
        return self._reader

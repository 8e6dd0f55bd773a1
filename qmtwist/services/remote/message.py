"""The message of one transaction: the bytes that came with its order, or a descriptor that is read in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator

from qmtwist.wire.outgoing import Survey

BLOCK_BYTES = 65536
SCAN_BYTES = 1 << 20
"""So much of a message is looked at in a row; other sessions wait meanwhile, about a millisecond."""
READ_BYTES = 16384
"""A message of up to so many bytes is taken into memory."""


class Unreadable(Exception):
    """The message cannot be read, or it is not as long as it was."""


class Message:
    """Made with the order; `close` it when the transaction is over. It may be read several times, one after the other.

    `size` is in bytes, as stored. What is small is read at once: nobody waits for a page, and a descriptor is free.
    """

    __slots__ = ("_content", "_descriptor", "_head", "_looked_at", "_moved", "size", "survey")

    def __init__(self, content: bytes | None, descriptor: int | None, head: bytes = b"", skip: int = 0) -> None:
        """Takes the descriptor over. One of the two is given. `head` stands in place of the first `skip` bytes behind
        the descriptor, if that is not 0.

        :raises OSError: the descriptor is no file, or cannot be read.
        """
        self._content = content
        self._descriptor = descriptor
        self._looked_at = 0  # bytes
        self._head, self._moved = head, skip - len(head)  # by how much is what follows farther on in the file
        self.survey = Survey()
        if content is not None:
            self.size = len(content)
            return
        assert descriptor is not None
        try:
            self.size = os.fstat(descriptor).st_size - self._moved
            if self.size <= READ_BYTES and not skip:
                self._content = os.pread(descriptor, READ_BYTES + 1, 0)
        except OSError:
            self.close()
            raise
        if self._content is not None:
            self.size = len(self._content)
            self.close()

    @property
    def small(self) -> bytes | None:
        """All of it, if that goes out in one piece."""
        content = self._content
        return content if content is not None and len(content) <= 2 * BLOCK_BYTES else None

    @property
    def is_surveyed(self) -> bool:
        """Whether `survey` has seen all of it."""
        return self._looked_at >= self.size

    def look_on(self) -> None:
        """Show `survey` the next piece, of at most SCAN_BYTES.

        :raises Unreadable: it cannot be read.
        """
        end = min(self.size, self._looked_at + SCAN_BYTES)
        while self._looked_at < end:
            block = self._read(self._looked_at)
            self.survey.look(block)
            self._looked_at += len(block)

    def blocks(self) -> Iterator[bytes]:
        """The message from its beginning, in pieces.

        :raises Unreadable: it cannot be read to its end.
        """
        at = 0
        while at < self.size:
            block = self._read(at)
            at += len(block)
            yield block

    def _read(self, at: int) -> bytes:
        """The block that begins there; there is one."""
        if self._content is not None:
            return self._content[at : at + BLOCK_BYTES]
        if at < len(self._head):
            return self._head[at:]
        try:
            assert self._descriptor is not None
            block = os.pread(self._descriptor, min(BLOCK_BYTES, self.size - at), at + self._moved)
        except OSError as error:
            raise Unreadable from error
        if not block:
            raise Unreadable
        return block

    def close(self) -> None:
        """It is not needed any more; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

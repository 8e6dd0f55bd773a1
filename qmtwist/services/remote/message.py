"""The message of one transaction: the bytes that came with its order, or a descriptor that is read in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator

BLOCK_BYTES = 65536
SCAN_BYTES = 1 << 20
"""A larger message in a file counts as eight-bit and is not read for it: any may be declared so. (RFC 6152)"""
READ_BYTES = 16384
"""A message of up to so many bytes is taken into memory."""


class Unreadable(Exception):
    """The message cannot be read, or it is not as long as it was."""


class Message:
    """Made with the order; `close` it when the transaction is over. It may be read several times, one after the other.

    `size` is in bytes, as stored. What is small is read at once: nobody waits for a page, and a descriptor is free.
    """

    __slots__ = ("_content", "_descriptor", "size")

    def __init__(self, content: bytes | None, descriptor: int | None) -> None:
        """Takes the descriptor over. One of the two is given.

        :raises OSError: the descriptor is no file, or cannot be read.
        """
        self._content = content
        self._descriptor = descriptor
        if content is not None:
            self.size = len(content)
            return
        assert descriptor is not None
        try:
            self.size = os.fstat(descriptor).st_size
            if self.size <= READ_BYTES:
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

    def is_eight_bit(self) -> bool:
        """Whether it has, or may have, a byte above 127."""
        if self._content is not None:
            return not self._content.isascii()
        try:
            return self.size > SCAN_BYTES or not all(block.isascii() for block in self.blocks())
        except Unreadable:
            return True  # whoever sends it will find out

    def blocks(self) -> Iterator[bytes]:
        """The message from its beginning, in pieces.

        :raises Unreadable: it cannot be read to its end.
        """
        content, descriptor = self._content, self._descriptor
        if content is not None:
            for at in range(0, len(content), BLOCK_BYTES):
                yield content[at : at + BLOCK_BYTES]
            return
        at = 0
        while at < self.size:
            try:
                assert descriptor is not None
                block = os.pread(descriptor, min(BLOCK_BYTES, self.size - at), at)
            except OSError as error:
                raise Unreadable from error
            if not block:
                raise Unreadable
            at += len(block)
            yield block

    def close(self) -> None:
        """It is not needed any more; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

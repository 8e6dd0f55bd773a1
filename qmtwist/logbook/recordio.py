"""A recorded dialogue, as recordio(1) writes it: `PID < text` from the client, `PID > text` to it."""

from __future__ import annotations

PIECE_BYTES = 256


def words(pid: int, mark: bytes, data: bytes) -> bytes:
    r"""The lines for some bytes that passed in one direction, which `mark` (`<` or `>`) tells.

    A line that is complete ends with a blank, one that goes on with `+`; nothing longer than 256 bytes stays in one.

    >>> words(7, b"<", b"MAIL\r\nRC")
    b'7 < MAIL\r \n7 < RC+\n'
    """
    lines = []
    for at in range(0, len(data), PIECE_BYTES):
        *complete, rest = data[at : at + PIECE_BYTES].split(b"\n")
        lines += [b"%d %s %s \n" % (pid, mark, line) for line in complete]
        if rest:
            lines.append(b"%d %s %s+\n" % (pid, mark, rest))
    return b"".join(lines)


def end(pid: int, mark: bytes) -> bytes:
    """Nothing more comes in this direction."""
    return b"%d %s [EOF]\n" % (pid, mark)

"""Numbers of a log read and written as the reports have them: like awk, six figures that matter."""

from __future__ import annotations

_LONGEST = 30


def number(text: bytes) -> float:
    """What a field counts; 0 for one that is no number, such as `?`.

    >>> number(b"945000000.5"), number(b"12"), number(b"?"), number(b"1e5")
    (945000000.5, 12.0, 0.0, 0.0)
    """
    return float(text) if len(text) <= _LONGEST and text.replace(b".", b"", 1).isdigit() else 0.0


def shown(value: float) -> bytes:
    """Whole numbers with all their digits, others with six figures.

    >>> shown(719162), shown(3.0), shown(34 / 12), shown(0.000551822411)
    (b'719162', b'3', b'2.83333', b'0.000551822')
    """
    return b"%d" % value if value == int(value) else b"%.6g" % value


def columns(rows: list[list[bytes]]) -> bytes:
    """A table: cells to the right, two spaces between columns, the last column as it is; a line for each row.

    >>> print(columns([[b"a", b"bb", b"ccc"], [b"dddd", b"e", b"f"]]).decode(), end="")
       a  bb  ccc
    dddd   e  f
    """
    last = max(map(len, rows), default=0) - 1
    widths = [max(len(row[place]) for row in rows if place < len(row)) for place in range(last)]
    lines = []
    for row in rows:
        cells = [cell.rjust(width) + b"  " for cell, width in zip(row, widths, strict=False)]
        lines.append(b"".join(cells + row[last:] if last >= 0 else cells) + b"\n")
    return b"".join(lines)

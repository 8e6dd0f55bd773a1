"""Figures as people read them: instants, spans, sizes."""

from __future__ import annotations

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def moment(instant: float | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A date and time of UTC.

    >>> moment(1795273805.9)
    '2026-11-21 15:10:05'
    """
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(int(instant), UTC).strftime(form) if instant is not None else "?"
    except (ValueError, OverflowError, OSError):  # no calendar goes so far
        return "?"


def span(seconds: float) -> str:
    """A length of time, in two figures or three.

    >>> span(0.0042), span(0.35), span(2.5), span(75), span(7300), span(200000)
    ('4.2 ms', '350 ms', '2.5 s', '75 s', '2.0 h', '2.3 days')
    """
    if abs(seconds) < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 10:
        return f"{seconds:.1f} s"
    if abs(seconds) < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if abs(seconds) < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    if abs(seconds) < 2 * _DAY_S:
        return f"{seconds / _HOUR_S:.1f} h"
    return f"{seconds / _DAY_S:.1f} days"


def size(count: float) -> str:
    """So many bytes.

    >>> size(999), size(1500), size(7230828027)
    ('999 bytes', '1.5 KB', '7.2 GB')
    """
    unit = 0
    while abs(count) >= 1000 and unit + 1 < len(_UNITS):
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} bytes"


def part(count: float, total: float) -> str:
    """Per cent.

    >>> part(1, 8), part(0, 0)
    ('12.5 %', '0 %')
    """
    return f"{100 * count / total:.1f} %" if total else "0 %"

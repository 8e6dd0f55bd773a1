"""Dates as mail writes them, UTC unless a zone is given. (RFC 5322 §3.3; qmail date822fmt, myctime)"""

from __future__ import annotations

_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = b"Thu Fri Sat Sun Mon Tue Wed".split()  # 1 January 1970 was a Thursday


def civil(now: int) -> tuple[int, int, int, int, int, int]:
    """(year, month 1-12, day, hour, minute, second) of POSIX seconds.

    >>> civil(1795238029)
    (2026, 11, 21, 5, 13, 49)
    """
    days, rest = divmod(now, 86400)
    # Howard Hinnant's days-to-civil, with years that begin in March.
    z = days + 719468
    era, doe = divmod(z, 146097)
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (month <= 2)
    return year, month, doy - (153 * mp + 2) // 5 + 1, rest // 3600, rest // 60 % 60, rest % 60


def rfc822(now: int) -> bytes:
    """The date of a Received or Date field: day not padded, zone -0000.

    >>> rfc822(1795238029)
    b'21 Nov 2026 05:13:49 -0000'
    """
    year, month, day, hour, minute, second = civil(now)
    return b"%d %s %d %02d:%02d:%02d -0000" % (day, _MONTHS[month - 1], year, hour, minute, second)


def local822(now: int, offset_s: int) -> bytes:
    """The same in a time zone so many seconds east of Greenwich, which counts in whole minutes.

    >>> local822(1795238029, 19800), local822(1795238029, -12600)
    (b'21 Nov 2026 10:43:49 +0530', b'21 Nov 2026 01:43:49 -0330')
    """
    minutes = abs(offset_s) // 60
    return rfc822(now + offset_s)[:-5] + b"%c%02d%02d" % (b"-+"[offset_s >= 0], minutes // 60, minutes % 60)


def ctime(now: int) -> bytes:
    """The date of an mbox From_ line: `Www Mmm dd hh:mm:ss yyyy`, the day zero-padded.

    >>> ctime(1795238029)
    b'Sat Nov 21 05:13:49 2026'
    """
    year, month, day, hour, minute, second = civil(now)
    weekday = _DAYS[now // 86400 % 7]
    return b"%s %s %02d %02d:%02d:%02d %d" % (weekday, _MONTHS[month - 1], day, hour, minute, second, year)

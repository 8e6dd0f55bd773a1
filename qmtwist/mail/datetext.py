"""Dates as they are found in mail, in some of their old forms too. (RFC 5322 §3.3, §4.3; mess822_when(3))

Understood is `D Mon Y h:m:s zone` with or without seconds, wherever it stands in the text: a weekday, a comma, comments
and what a Received field says before its date do not matter. A date without a zone is not a date.
"""

from __future__ import annotations

from .addresstokens import ATOM, COLON, LIMIT_TOKENS, Token, tokenize
from .shapes import NamedTuple

TEXT_BYTES = 65536  # of a field that are looked at, from its end: a date is the last thing in it

_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_NUMBER_OF = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
# RFC 5322 §4.3 and what else was usual, in hours; IST is Israel's
_ZONES = {
    b"ut": 0, b"gmt": 0, b"bst": 1, b"cet": 1, b"met": 1, b"eet": 2, b"cst": -6, b"cdt": -5, b"est": -5, b"edt": -4,
    b"mst": -7, b"mdt": -6, b"pst": -8, b"pdt": -7, b"hkt": 8, b"ist": 2, b"jst": 9, b"metdst": 2,
}  # fmt: skip
_DIGITS = frozenset(b"0123456789")


class Moment(NamedTuple):
    """A date as it was written. `zone_minutes` is east of Greenwich; `is_zone_known`: it was not given as -0000."""

    year: int
    month: int  # 1 to 12
    day: int
    hour: int
    minute: int
    second: int
    zone_minutes: int
    is_zone_known: bool

    @property
    def posix(self) -> int:
        """POSIX seconds; 31 February is in March.

        >>> Moment(1994, 1, 3, 10, 11, 12, -480, True).posix
        757620672
        """
        minutes = (_days(self.year, self.month, self.day) * 24 + self.hour) * 60 + self.minute - self.zone_minutes
        return minutes * 60 + self.second

    @property
    def header(self) -> bytes:
        """As a Date field has it.

        >>> Moment(1994, 1, 3, 10, 11, 12, -480, True).header
        b'3 Jan 1994 10:11:12 -0800'
        """
        year, month, day, hour, minute, second = self[:6]
        return b"%d %s %d %02d:%02d:%02d %s" % (day, _MONTHS[month - 1], year, hour, minute, second, self._zone)

    @property
    def iso(self) -> bytes:
        """As 822date prints it.

        >>> Moment(1994, 1, 3, 10, 11, 12, -480, True).iso
        b'1994-01-03 10:11:12 -0800'
        """
        zone = self._zone if self.is_zone_known else b"+0000"
        return b"%d-%02d-%02d %02d:%02d:%02d %s" % (*self[:6], zone)

    @property
    def _zone(self) -> bytes:
        hours, minutes = divmod(abs(self.zone_minutes), 60)
        is_east = self.zone_minutes >= 0 and self.is_zone_known
        return b"%c%02d%02d" % (b"-+"[is_east], hours, minutes)


def _days(year: int, month: int, day: int) -> int:
    """Since 1 January 1970, with years that begin in March; see `date.civil`."""
    year -= month <= 2
    era, yoe = divmod(year, 400)
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


def parse(text: bytes) -> Moment | None:
    """The first date in a text, None if there is none.

    >>> parse(b"Mon, 3 Jan 94 10:11:12 PST").header, parse(b"3 Jan 1994 10:11 +0130").header
    (b'3 Jan 1994 10:11:12 -0800', b'3 Jan 1994 10:11:00 +0130')
    """
    tokens = tokenize(text[-TEXT_BYTES:], is_tolerant=True, limit_tokens=LIMIT_TOKENS)
    words = [token for token in tokens if token.kind in (ATOM, COLON)]
    for place in range(1, len(words)):
        if words[place].text.lower() in _NUMBER_OF:
            moment = _dated(words, place)
            if moment is not None:
                return moment
    return None


def _dated(words: list[Token], place: int) -> Moment | None:
    """The date around this month."""
    month = _NUMBER_OF[words[place].text.lower()]
    day, year = _number(words[place - 1 : place], 31), _year(words[place + 1 : place + 2])
    at = place + 2
    hour, minute = _number(words[at : at + 1], 23), _number(words[at + 2 : at + 3], 59)
    if not day or year is None or hour is None or minute is None or words[at + 1].kind != COLON:
        return None
    at += 3
    second: int | None = 0
    if words[at : at + 1] and words[at].kind == COLON:
        second = _number(words[at + 1 : at + 2], 60)
        at += 2
    zone = _zone(words[at : at + 2])
    if second is None or zone is None:
        return None
    return Moment(year, month, day, hour, minute, second, *zone)


def _number(words: list[Token], highest: int, most_digits: int = 2) -> int | None:
    text = words[0].text if words else b""
    if not text or len(text) > most_digits or not _DIGITS.issuperset(text):
        return None
    number = int(text)
    return number if number <= highest else None


def _year(words: list[Token]) -> int | None:
    """RFC 5322 §4.3: two digits up to 49 are after 2000, two more and three digits after 1900."""
    year = _number(words, 9999, 4)
    if year is None or len(words[0].text) > 3:
        return year
    return year + (2000 if year < 50 and len(words[0].text) < 3 else 1900)


def _zone(words: list[Token]) -> tuple[int, bool] | None:
    """Minutes east of Greenwich, and whether they are more than a way to say nothing."""
    text = words[0].text.lower() if words else b""
    sign, digits = text[:1], text[1:]
    if sign in (b"+", b"-") and len(digits) == 4 and _DIGITS.issuperset(digits):
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        return (-minutes, bool(minutes)) if sign == b"-" else (minutes, True)
    if text not in _ZONES:
        return None
    is_summer = len(words) > 1 and words[1].text.lower() == b"dst"
    return (_ZONES[text] + is_summer) * 60, True

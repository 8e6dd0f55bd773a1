"""The messages of an mbox file: where they begin, what they were before they were quoted. (mbox(5), mboxrd)

The other direction is `mboxquote`.
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple

_FROM = b"From "
_BLANK = (b"\n", b"\r\n")
_LINE_BYTES = 65_536
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_DAYS = b"Sun Mon Tue Wed Thu Fri Sat".split()


class Start(NamedTuple):
    """A message begins; `line` is its From_ line, without the line end."""

    line: bytes


def read_mbox(pieces: Iterable[bytes]) -> Iterator[Start | bytes]:
    r"""The messages: each a `Start` and then its text in pieces, unquoted and without the empty line behind it.

    However the file is cut into pieces, no more than a line of it is held, and of a long line no more than 64 KB.
    :raises Malformed: the file does not begin with a From_ line.

    >>> list(read_mbox([b"From a Thu Jan 01 00:00:00 1970\n>From b\n\nFrom c", b" x\n"]))
    [Start(line=b'From a Thu Jan 01 00:00:00 1970'), b'From b\n', Start(line=b'From c x')]
    """
    reader = _Reader()
    for piece in pieces:
        yield from reader.receive(piece)
    yield from reader.finish()


class _Reader:
    """Line after line; `_is_inside` while the beginning of the line that comes was given out already."""

    def __init__(self) -> None:
        self._rest = b""
        self._blank = b""  # an empty line that may be the last of its message
        self._has_begun = self._is_inside = False

    def receive(self, data: bytes) -> Iterator[Start | bytes]:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            yield from self._take(line + b"\n")
            self._is_inside = False
        if len(self._rest) > _LINE_BYTES:
            long, self._rest = self._rest, b""
            yield from self._take(long)
            self._is_inside = True

    def finish(self) -> Iterator[Start | bytes]:
        if self._rest:
            yield from self._take(self._rest)

    def _take(self, line: bytes) -> Iterator[Start | bytes]:
        if self._is_inside:
            yield line
            return
        if line.startswith(_FROM):
            self._has_begun, self._blank = True, b""
            yield Start(line.rstrip(b"\r\n"))
            return
        if not self._has_begun:
            raise Malformed("it does not begin with a From_ line")
        if self._blank:
            yield self._blank
            self._blank = b""
        if line in _BLANK:
            self._blank = line
        elif line.startswith(b">") and line.lstrip(b">").startswith(_FROM):
            yield line[1:]
        else:
            yield line


def from_date(line: bytes) -> int | None:
    """The POSIX seconds of a From_ line's date, None if it has none; taken for UTC unless a zone is given in figures.

    >>> from_date(b"From a@b Sat Nov 21 05:13:49 2026"), from_date(b"From a Sat Nov 21 05:13 2026 +0100")
    (1795238029, 1795234380)
    >>> from_date(b"From somebody yesterday") is None
    True
    """
    words = line.split()
    for at in range(len(words) - 4, 0, -1):  # the last one: a sender may look like a date
        if words[at] in _DAYS and words[at + 1] in _MONTHS:
            return _seconds(_MONTHS.index(words[at + 1]) + 1, words[at + 2], words[at + 3], words[at + 4 :])
    return None


def _seconds(month: int, day: bytes, time: bytes, rest: list[bytes]) -> int | None:
    clock = time.split(b":") if time.count(b":") != 1 else [*time.split(b":"), b"0"]
    years = [word for word in rest if len(word) == 4 and word.isdigit()]
    if not years or not all(word.isdigit() and len(word) <= 2 for word in (day, *clock)) or len(clock) != 3:
        return None
    hour, minute, second = (int(word) for word in clock)
    if not (1 <= int(day) <= 31 and hour < 24 and minute < 60 and second < 61 and int(years[0]) >= 1970):
        return None
    found = _days(int(years[0]), month, int(day)) * 86400 + hour * 3600 + minute * 60 + second
    zones = [word for word in rest if len(word) == 5 and word[:1] in b"+-" and word[1:].isdigit()]
    if zones:
        ahead = int(zones[0][1:3]) * 3600 + int(zones[0][3:]) * 60
        found -= ahead if zones[0].startswith(b"+") else -ahead
    return found


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970, by Howard Hinnant's days-from-civil: years begin in March."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


class Marks(NamedTuple):
    """What a mail reader has noted: maildir flags in their order, and whether the message is new (still in new/)."""

    flags: bytes
    is_new: bool


# Status and X-Status, as mail readers on Unix write them, in the letters of maildir.
_STATUS = {b"R": b"S"}
_X_STATUS = {b"A": b"R", b"D": b"T", b"F": b"F", b"T": b"D"}


def marks(header: bytes) -> Marks:
    r"""The marks of a message, given its header or more of it.

    >>> marks(b"Status: RO\nX-Status: AF\n\n"), marks(b"Status: O\n\n"), marks(b"Subject: a\n\nStatus: R\n")
    (Marks(flags=b'FRS', is_new=False), Marks(flags=b'', is_new=False), Marks(flags=b'', is_new=True))
    """
    flags, is_new = set(), True
    for line in header.split(b"\n"):
        if line in (b"", b"\r"):
            break
        name, _, value = line.partition(b":")
        letters = [value[at : at + 1] for at in range(len(value))]
        if name.lower() == b"status":
            is_new = is_new and not {b"R", b"O"} & set(letters)
            flags |= {_STATUS[letter] for letter in letters if letter in _STATUS}
        elif name.lower() == b"x-status":
            flags |= {_X_STATUS[letter] for letter in letters if letter in _X_STATUS}
    return Marks(b"".join(sorted(flags)), is_new and not flags)

"""When it is time for a digest. (ezmlm-tstdig)"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

_HOUR_S = 3600
_PER_KILOBYTE = 4  # sizes are counted in 256 bytes


class Limits(NamedTuple):
    """What may come together before a digest is sent; 0 is no limit."""

    kilobytes: int
    messages: int
    hours: int


def is_due(limits: Limits, number: tuple[int, int], digested: tuple[int, int, int], now: int) -> bool:
    """Whether it is time: `number` is how many messages there are and their size, `digested` the same of the last
    digest, and when that was.

    >>> usual = Limits(64, 30, 48)
    >>> is_due(usual, (31, 0), (1, 0, 1000), 1000), is_due(usual, (30, 255), (1, 0, 1000), 1000)
    (True, False)
    >>> is_due(Limits(64, 0, 0), (2, 256), (1, 0, 1000), 1000), is_due(Limits(0, 0, 1), (1, 0), (1, 0, 0), 3600)
    (True, True)
    """
    last, size = number
    kilobytes, messages, hours = limits
    return bool(
        (hours and digested[2] + hours * _HOUR_S <= now)
        or (kilobytes and digested[1] + kilobytes * _PER_KILOBYTE <= size)
        or (messages and digested[0] + messages <= last)
    )


def limits_in(words: bytes) -> dict[str, bytes]:
    """The files for limits that stand as options in the config of an old list of ezmlm-idx.

    >>> limits_in(b"-k64 -m 30 -t0")
    {'digsize': b'64', 'digcount': b'30', 'digtime': b'0'}
    """
    text = b" ".join(words.split()) + b" "
    found = {}
    for letter, name in ((b"-k", "digsize"), (b"-m", "digcount"), (b"-t", "digtime")):
        value = (b" " + text).partition(b" " + letter)[2].lstrip(b" ").partition(b" ")[0]
        if value.isdigit() and len(value) < 10:
            found[name] = value
    return found

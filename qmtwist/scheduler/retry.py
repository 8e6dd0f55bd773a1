"""When to try again, and when to give up. (qmail-send(8))"""

from __future__ import annotations

from math import isqrt

SKIP = {"local": 10, "remote": 20}


def next_attempt(birth: int, now: int, skip: int) -> int:
    """When to try a message again: quadratically later as it ages.

    All times are POSIX seconds. `skip` (10 local, 20 remote) makes the first gap skip² seconds.

    >>> next_attempt(birth=1000, now=1000, skip=20)
    1400
    >>> [next_attempt(0, age, 10) for age in (0, 1000, 100000)]
    [100, 1681, 106276]
    """
    age = max(0, now - birth)
    return birth + (isqrt(age) + skip) ** 2


def is_dying(birth: int, now: int, lifetime_s: int) -> bool:
    """Whether this attempt is the message's last: a deferral now becomes a failure."""
    return now > birth + lifetime_s

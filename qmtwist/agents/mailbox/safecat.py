"""Keep standard input in a file, for a day at most. (safecat(1))"""

from __future__ import annotations

from qmtwist.store.refusal import Refused
from qmtwist.store.safecat import keep
from qmtwist.store.signals import signal

LIMIT_S = 86_400
"""Whoever cleans the temporary directory may remove what is older than 36 hours; nobody may write there so long."""


def _give_up(number: int, _: object) -> None:
    raise Refused(b"timed out" if number == signal.SIGALRM else b"stopped by a signal")


def keep_input(temporary: bytes, destination: bytes, limit_s: int = LIMIT_S) -> bytes:
    """Write descriptor 0 to a new file; its name in `destination`.

    :raises Refused: see `store.safecat.keep`; or it took longer than `limit_s` seconds, or a signal came.
    """
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _give_up)
    signal.alarm(limit_s)
    try:
        return keep(0, temporary, destination)
    finally:
        signal.alarm(0)

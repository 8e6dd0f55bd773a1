"""Who handed a message to the queue, in the words of its Received line. (qmail-queue(8))"""

from __future__ import annotations

import pwd

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Mapping

_WORDS = {"alias": b"by alias", "qmaild": b"from network", "qmails": b"for bounce"}


def special_invokers() -> dict[int, bytes]:
    """The words for the uids of the mail accounts; for services, which ask the password file once."""
    found: dict[int, bytes] = {}
    for name, words in _WORDS.items():
        with suppress(KeyError):
            found.setdefault(pwd.getpwnam(name).pw_uid, words)
    return found


def invoker(uid: int, special: Mapping[int, bytes] | None = None) -> bytes:
    """The words for a real uid; `special` as from `special_invokers`. uid 0 is a uid like any other.

    >>> invoker(1000, {7: b"by alias"}), invoker(7, {7: b"by alias"})
    (b'by uid 1000', b'by alias')
    """
    known = special_invokers() if special is None else special
    return known.get(uid) or b"by uid %d" % uid

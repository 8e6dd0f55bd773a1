"""Write to the subscribers whose mail has come back for a while: first a warning, then a probe. (ezmlm-warn)"""

from __future__ import annotations

import os

from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.address import boxed
from qmtwist.rules.lists.cookie import cookie
from qmtwist.store.lists.bounces import Bounces, Stored
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers

from .queueing import accepted, begin

PATIENCE_S = 1_000_000
"""How long mail to somebody comes back before they are written to: eleven and a half days."""
_KEPT = 3  # of these times nothing is kept that led to nothing
_LETTERS_A_RUN = 500


def warn(home: str, directory: str, now: int, patience_s: int = PATIENCE_S) -> int:
    """How many letters were sent; each is queued before what it is about is removed.

    :raises Temporary: one is not queued now.
    """
    place, bounces, people = ListDirectory(directory), Bounces(directory), Subscribers(directory)
    letters = 0
    with bounces.lock():
        for stored in list(bounces.older(now - patience_s)):
            found = bounces.read(stored)
            if found is not None and now - stored.time <= _KEPT * patience_s:
                address, text = found
                if letters >= _LETTERS_A_RUN:
                    break
                if _is_on(people, address):
                    with suppress(Permanent):  # that would keep the others waiting for ever
                        _write(home, place, stored, address, _missed(bounces, stored, address), text, now)
                    letters += 1
                if stored.kind == "d":
                    bounces.forget_missed(address)
            bounces.remove(stored.path)
        for path in list(bounces.missed_older(now - _KEPT * patience_s)):
            bounces.remove(path)
    return letters


def _is_on(people: Subscribers, address: bytes) -> bool:
    with suppress(Malformed):
        return is_sendable(address) and people.has(address)
    return False


def _missed(bounces: Bounces, stored: Stored, address: bytes) -> bytes:
    return bounces.missed(address) if stored.kind == "d" else b""


def _write(
    home: str, place: ListDirectory, stored: Stored, address: bytes, missed: bytes, bounce: bytes, now: int
) -> None:
    """:raises MailError: it is not queued."""
    of = answer.List(place.line("outlocal"), place.line("outhost"), place.line("mailinglist"))
    is_warning = stored.kind == "d"
    names = ["top", "bounce-warn", "bounce-num", "bounce-bottom"] if missed else ["top", "bounce-warn", "bounce-bottom"]
    if not is_warning:
        names = ["top", "bounce-probe", "bounce-bottom"]
    text = b"".join(
        [of.fill(place.text(name)) + (missed if name == "bounce-num" else b"") for name in names],
    )
    subject = b"ezmlm warning" if is_warning else b"ezmlm probe"
    letter = answer.Letter(address, subject, now, os.getpid(), b"ezmlm-warn")
    word, action = (b"warn", b"W") if is_warning else (b"probe", b"P")
    date = b"%d" % now
    proof = cookie(place.key(), date, address, action)
    sender = of.address(b"return-%s-%s.%s-%s" % (word, date, proof, boxed(address)))
    with begin(home) as submission:
        submission.write(answer.head(of, letter, [], text) + text + bounce)
        accepted(submission.finish(Envelope(sender, (address,))))

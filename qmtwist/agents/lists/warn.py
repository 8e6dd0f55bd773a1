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

PARTS = (b"", b"digest")
"""The list itself, and its digest."""
PATIENCE_S = 1_000_000
"""How long mail to somebody comes back before they are written to: eleven and a half days."""
_KEPT = 3  # of these times nothing is kept that led to nothing
_LETTERS_A_RUN = 500


def warn(home: str, directory: str, now: int, patience_s: int = PATIENCE_S, parts: tuple[bytes, ...] = PARTS) -> int:
    """How many letters were sent; each is queued before what it is about is removed.

    :raises Temporary: one is not queued now.
    """
    place = ListDirectory(directory)
    return sum(
        _warn(home, place, part, now, patience_s) for part in parts if not part or place.has(f"{part.decode()}/bounce")
    )


def _warn(home: str, place: ListDirectory, part: bytes, now: int, patience_s: int) -> int:
    """The same for the list itself, or for one that is a part of it."""
    directory = f"{place.path}/{part.decode()}" if part else place.path
    bounces, people = Bounces(directory), Subscribers(directory)
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
                        _write(home, place, part, stored, address, _missed(bounces, stored, address), text, now)
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
    home: str, place: ListDirectory, part: bytes, stored: Stored, address: bytes, missed: bytes, bounce: bytes, now: int
) -> None:
    """:raises MailError: it is not queued."""
    top = answer.List(place.line("outlocal"), place.line("outhost"), place.line("mailinglist"))
    of = top._replace(local=top.local + b"-" + part, main=top.local) if part else top
    is_warning = stored.kind == "d"
    text = of.fill(place.text("top") + place.text("bounce-warn" if is_warning else "bounce-probe"))
    if is_warning and missed:
        text += of.fill(place.text("dig-bounce-num" if part else "bounce-num")) + missed
    text += of.fill(place.text("bounce-bottom"))
    subject = of.fill(place.phrase("SUB_WARNING" if is_warning else "SUB_PROBE"))
    letter = answer.Letter(address, subject, now, os.getpid(), b"ezmlm-warn")
    word, action = (b"warn", b"W") if is_warning else (b"probe", b"P")
    date = b"%d" % now
    proof = cookie(place.key(), date, address, action)
    sender = of.address(b"return-%s-%s.%s-%s" % (word, date, proof, boxed(address)))
    with begin(home) as submission:
        submission.write(answer.head(of, letter, [], text) + text + bounce)
        accepted(submission.finish(Envelope(sender, (address,))))

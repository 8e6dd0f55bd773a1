"""Take what has come back to a list on descriptor 0. (ezmlm-return)"""

from __future__ import annotations

import os

from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists.address import behind, subscriber
from qmtwist.rules.lists.bounce import PROOF_S, Returned, parse
from qmtwist.rules.lists.command import is_valid
from qmtwist.store.lists.bounces import Bounces
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers

from .digested import is_receipt, take_receipt
from .incoming import Incoming

KEPT_BYTES = 65536
"""Of what came back: it is sent to the subscriber with the warning."""
_SEARCHED_BYTES = 1 << 20  # for the addresses in a bounce without one in its own
DIGEST = b"digest-return-"
"""What addresses at which digests come back have behind the list's name and a `-`."""
_OWN = b"return-"
_LETTERS = {b"warn": b"W", b"probe": b"P"}


class Arrival(NamedTuple):
    """Who wrote, to which address, and when."""

    sender: bytes
    local: bytes
    now: int


def take_back(directory: str, arrival: Arrival) -> bool:
    """Whether the address is one at which bounces arrive; then this one is kept, or a subscriber is removed by it.

    :raises Permanent: it is not an address of this list.
    :raises Temporary: not now.
    """
    place = ListDirectory(directory)
    action = behind(place.line("inlocal"), arrival.local)
    is_digest = action.lower().startswith(DIGEST)
    if not action.lower().startswith(DIGEST if is_digest else _OWN):
        raise Permanent("I do not accept messages at this address", "5.1.1")
    return _take(place, b"digest" if is_digest else b"", action[len(DIGEST if is_digest else _OWN) :], arrival)


def _take(place: ListDirectory, part: bytes, action: bytes, arrival: Arrival) -> bool:
    """Do it for the list, or for one that is a part of it."""
    if part and is_receipt(action):
        take_receipt(place.path, action)
        return True
    returned = parse(action)
    if not returned.kind:
        return False
    directory = f"{place.path}/{part.decode()}" if part else place.path
    people = Subscribers(directory)
    if returned.kind != b"bounce":
        return _prove(place, directory, returned, arrival)
    start = b"Return-Path: <%s>\n" % arrival.sender.replace(b"\n", b"_")
    if returned.address:
        found = {returned.address: Incoming().whole(KEPT_BYTES)}
    else:
        found = _named(people, Incoming().whole(_SEARCHED_BYTES))
    bounces = Bounces(directory)
    with bounces.lock():
        for address, text in found.items():
            if (kept := _on(people, address)) is not None:
                bounces.note(kept, returned.number, start + text[:KEPT_BYTES], arrival.now, os.getpid())
    return True


def _named(people: Subscribers, message: bytes) -> dict[bytes, bytes]:
    """The subscribers that a bounce names, each with what it says of them."""
    from qmtwist.rules.lists.dsn import failures  # most bounces need not be read

    found: dict[bytes, bytes] = {}
    for addresses, text in failures(message):
        known = [address for address in addresses if _on(people, address) is not None]
        if known:
            found.setdefault(known[0], text)
    return found


def _on(people: Subscribers, address: bytes) -> bytes | None:
    """The address as it is kept, if it is on the list."""
    with suppress(Malformed):
        if people.has(address):
            return subscriber(address)
    return None


def _prove(place: ListDirectory, directory: str, returned: Returned, arrival: Arrival) -> bool:
    """A warning or a probe has come back, if nobody has made up its address."""
    people, address = Subscribers(directory), returned.address
    if not is_valid(returned.ticket, place.key(), address, _LETTERS[returned.kind], arrival.now, PROOF_S):
        return False
    if _on(people, address) is None:
        return True
    if returned.kind == b"probe":
        people.note(b"-probe", people.remove([address]), arrival.now)
        return True
    text = b"Return-Path: <%s>\n" % arrival.sender.replace(b"\n", b"_") + Incoming().whole(KEPT_BYTES)
    bounces = Bounces(directory)
    with bounces.lock():
        bounces.keep("w", address, text, arrival.now, os.getpid())
    return True

"""Hand a wish to join or leave to the list that an address belongs to. (ezmlm-split)"""

from __future__ import annotations

import os

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed, Permanent, Temporary
from qmtwist.mail.shapes import Iterable, Iterator
from qmtwist.rules.lists.address import behind, boxed
from qmtwist.rules.lists.command import parse
from qmtwist.rules.lists.heading import refuse_bounce, refuse_nameless
from qmtwist.rules.lists.split import Share, list_of, shares
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up, read_if_there

from .incoming import Incoming
from .queueing import accepted, begin

USUAL = "split"


def hand_on(home: str, directory: str, sender: bytes, local: bytes, name: str) -> int | None:
    """The number behind `qp`, or None if the message is for this list, or is no such wish.

    :raises Permanent: it is not to be answered, and its sender should know.
    :raises Temporary: not now.
    """
    refuse_bounce(sender)
    refuse_nameless(sender)
    place = ListDirectory(directory)
    command = parse(behind(place.line("inlocal"), local), sender)
    if command.verb not in (b"subscribe", b"unsubscribe") or command.ticket is not None or command.part:
        return None
    to = _to(place, _shares(directory, name), command.target)
    if to == _own(place):
        return None
    box, _, host = to.rpartition(b"@")
    recipient = b"%s-%s-%s@%s" % (box, command.verb, boxed(command.target), host)
    back = place.line("outlocal") + b"-return-@" + place.line("outhost")
    with begin(home) as submission:
        incoming = Incoming()
        submission.write(os.environb.get(b"DTLINE", b""))
        submission.write(b"".join([field.raw for field in incoming.fields]))
        for piece in incoming.rest():
            submission.write(piece)
        return accepted(submission.finish(Envelope(back, (recipient,))))


def sorted_out(directory: str, addresses: Iterable[bytes], name: str) -> Iterator[tuple[bytes, bytes]]:
    """The list of each address, and the address.

    :raises Permanent: one of them is no address.
    :raises Temporary: that cannot be told now.
    """
    place = ListDirectory(directory)
    found = _shares(directory, name)
    for address in addresses:
        yield _to(place, found, address), address


def _own(place: ListDirectory) -> bytes:
    return place.line("outlocal") + b"@" + place.line("outhost")


def _to(place: ListDirectory, found: list[Share], address: bytes) -> bytes:
    """:raises Permanent: it is no address."""
    try:
        to = list_of(found, address)
    except Malformed as error:
        raise Permanent(f"{error.text}: {os.fsdecode(address)}") from error
    return (to if b"@" in to else to + b"@" + place.line("outhost")) if to else _own(place)


def _shares(directory: str, name: str) -> list[Share]:
    """:raises Temporary: the file cannot be read, or not be understood: somebody may be writing it."""
    path = os.path.join(directory, name)
    try:
        return shares(read_if_there(path) or b"")
    except OSError as error:
        give_up(f"unable to read {name}", error)
    except Malformed as error:
        raise Temporary(f"{name}: {error.text}") from error

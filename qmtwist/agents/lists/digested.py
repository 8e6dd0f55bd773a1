"""The receipt of a digest: what arrives at this address of the list proves that the queue has had the digest."""

from __future__ import annotations

from qmtwist.rules.lists.cookie import cookie, is_cookie, part_key
from qmtwist.store.lists.digests import Digests
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import Lock

_START = b"receipt-"


def receipt(key: bytes, issue: int) -> bytes:
    """The part of the address behind LIST-digest-return-, for a digest's number and the key for digests."""
    number = b"%d" % issue
    return _START + number + b"." + cookie(key, b"", number, b"R")


def is_receipt(action: bytes) -> bool:
    """Whether this is such a part of an address, made by us or not."""
    return action.lower().startswith(_START)


def take_receipt(directory: str, action: bytes) -> None:
    """Note that the digest is sent; nothing if the address is made up.

    :raises Temporary: that cannot be noted now.
    """
    issue, _, proof = action[len(_START) :].partition(b".")
    digests = Digests(directory)
    if not issue.isdigit() or not is_cookie(
        proof, part_key(ListDirectory(directory).key(), b"digest"), b"", issue, b"R"
    ):
        return
    with Lock(f"{directory}/lock"):
        sending = digests.sending()
        if sending is not None and b"%d" % sending.issue == issue:
            digests.settle(sending)

"""The addresses to try for a destination, in order, given DNS answers. (RFC 5321 §5.1, RFC 7505; qmail-remote(8))"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from qmtwist.mail.dns import Answer, Question
from qmtwist.mail.errors import Temporary

if TYPE_CHECKING:
    from .smarthost import Hop


class Target(NamedTuple):
    """One address to try."""

    address: str  # "192.0.2.1" or "2001:db8::1"
    port: int
    protocol: str  # "smtp" or "qmtp"
    name: bytes  # lower-case name under which the address was found: MX target, relay or domain; for TLS
    preference: int


Asking = Generator[tuple[Question, ...], tuple[Answer, ...], list[Target]]
"""Yields tuples of Questions (mail/dns.py) that may be asked together; is sent the Answers in the same order."""


def targets(
    hop: Hop, own: Callable[[str], bool], families: tuple[str, ...], shuffle: Callable[[list[Any]], None]
) -> Asking:
    """The addresses to try for `hop`, in order.

    `own` says whether an address is ours, `families` are "ipv4" and "ipv6", the preferred one first, `shuffle` puts a
    list into random order. A qmtp target that comes from an MX preference is followed by the smtp target of the same
    address, for use if the connection attempt fails.

    :raises Temporary: DNS gave no answer. The text is qmail-remote's report without its letter, LF-ended.
    :raises Permanent: there is nobody to take the mail, or that is us. Text likewise.
    """
    yield ()
    raise Temporary("Sorry, I couldn't find any host by that name. (#4.1.2)\n", "4.1.2")

"""Which subjects a list does not take. (ezmlm-reject)"""

from __future__ import annotations

from qmtwist.mail.errors import Permanent
from qmtwist.mail.header import Field

from .heading import value

_WORDS = (b"help", b"subscribe", b"unsubscribe")


def check(fields: list[Field], may_be_empty: bool, may_command: bool) -> None:
    """:raises Permanent: there is no subject, or it is a word that was meant for another address."""
    subject = next((value(field) for field in fields if field.name == b"subject"), b"").lower()
    if not subject and not may_be_empty:
        raise Permanent("Sorry, I don't accept message with empty Subject", "5.7.0")
    if subject in _WORDS and not may_command:
        raise Permanent(
            "Sorry, I don't accept commands in the subject line. Please send a message to the -help address shown in"
            " the the ``Mailing-List:'' header for command info",
            "5.7.0",
        )

"""ezmlm-weed - ignore notices that are no bounces

    |ezmlm-weed

In the .qmail file that takes a list's bounces, above ezmlm-return: the delivery succeeds without the lines below it if
the message says that mail was delivered, or will be tried again. Known are the success and deferral notices of qmail's
receipts, the warnings of sendmail and Exim that a message could not be sent for some hours, and delivery status
notifications that report no failure (RFC 3464). So are answers to the message (In-Reply-To) of a program that says that
somebody is away (Auto-Submitted, RFC 3834): who is on holiday stays on the list.

Exit status: 0 go on; 99 nothing bounced; 111 the message cannot be read now.
"""

from __future__ import annotations

from qmtwist.agents.lists.incoming import Incoming
from qmtwist.rules.lists.bounce import is_notice

from .common import carry_out, take

_NAME = b"ezmlm-weed"
_LOOKED_AT_BYTES = 1 << 20


def main(arguments: list[bytes], home: str) -> int:
    """Look at the message."""

    def work() -> int:
        take(arguments, b"", 0)
        incoming = Incoming()
        return 99 if is_notice(incoming.fields, incoming.whole(_LOOKED_AT_BYTES)) else 0

    return carry_out(_NAME, b"", work)

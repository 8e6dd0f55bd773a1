"""spfquery: ask whether a domain lets a host send mail for it

    spfquery ip helo sender

Asks the DNS for the SPF records that count for a client with this IP address, which says `helo` and the envelope sender
`sender` (empty for a bounce; then the name in `helo` is asked about), as the SMTP service does it with
control/spfbehavior. Prints the result:

    pass          the domain names this host
    fail          it names others, and nobody else may
    softfail      it names others, and is not sure
    neutral       it does not say
    none          it has no SPF record
    temperror     DNS does not answer
    permerror     its record is wrong

then, if there are any, what decided, what is wrong, and the domain's own words for a refusal; at the end the field that
the SMTP service would put on top of the message. control/spfrules counts here, too.

Exit status: 0 when there is a result, 111 when DNS does not answer for now, 100 after wrong use.

See also: dnstxt(1), qmail-control(5) for control/spfbehavior; RFC 7208
"""

from __future__ import annotations

import time

from qmtwist.control import grammar
from qmtwist.mail.errors import Malformed
from qmtwist.mail.literal import parse_address
from qmtwist.rules.spf.check import TEMPERROR, Client, Result, check, parse_own
from qmtwist.rules.spf.field import received_spf
from qmtwist.store import durable

from .common import HARD, SOFT, resolver


def main(arguments: list[bytes], home: str) -> int:
    """Three arguments; the sender may be empty."""
    if len(arguments) != 3 or parse_address(arguments[0]) is None:
        durable.write_all(2, b"spfquery: usage: spfquery ip helo sender\n")
        return HARD
    ip, helo, sender = arguments
    try:
        own = b" ".join(grammar.read_list(home, "spfrules") or [])
        parse_own(own)
        client = Client(ip, sender, helo, grammar.read_line(home, "me") or b"unknown", int(time.time()))
        result = resolver(home).pump(check(client, own))
    except OSError as error:
        durable.write_all(2, f"spfquery: fatal: unable to read {error.filename}: {error.strerror}\n".encode())
        return SOFT
    except Malformed:
        durable.write_all(2, b"spfquery: fatal: unable to read control/spfrules: it has a wrong mechanism\n")
        return HARD
    durable.write_all(1, _text(result) + received_spf(result, client))
    return SOFT if result.code == TEMPERROR else 0


def _text(result: Result) -> bytes:
    lines = [result.code.encode(), result.mechanism, result.problem.encode(), result.explanation]
    return b"".join(line.translate(_PRINTABLE) + b"\n" for line in lines if line)


_PRINTABLE = bytes(byte if 32 <= byte <= 126 else ord("?") for byte in range(256))

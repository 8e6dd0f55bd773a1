"""The files of the SMTP service that have a language of their own: what `directory` needs to know about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qmtwist.mail.errors import Malformed
from qmtwist.rules import dnsbl

from . import grammar
from .row import Row

if TYPE_CHECKING:
    from .directory import Directory


def parse_blocklists(directory: Directory, row: Row, data: bytes) -> tuple[bytes, ...]:
    """Options of rblsmtpd. A line that says nothing would let in whom it should keep out, so it is refused."""
    options = dnsbl.Options()
    for number, line in grammar.numbered_lines(data):
        try:
            dnsbl.parse_line(options, line)
        except Malformed as error:
            directory.refuse(row, number, f"{grammar.quoted(line)}: {error.text}")
    if not options.plan.lists and not directory.errors:
        directory.warn(row, 0, "names no list: write -r LIST")
    return tuple(grammar.parse_list(data))

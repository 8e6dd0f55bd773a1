"""new-inject: complete and send a mail message

SYNOPSIS

    new-inject [ -nNaAhHFIMRS ] [ -f sender ] [ recip ... ]

DESCRIPTION

Reads a message from standard input, puts its header into order, rewrites the hosts of its addresses by rules of the
postmaster or of yours, and hands it to qmail-queue. It never complains about what the header says: an address that
nobody could understand is read as well as it can be.

Fields with the message's way so far come first (Received, Delivered-To, Errors-To, Return-Receipt-To and all Resent-
fields, whose addresses are not recipients), then Date, Message-ID, From, Sender, Reply-To, Mail-Reply-To,
Mail-Followup-To, To, Cc and Notice-Requested-Upon-Delivery-To, then all others. Several fields of these names become
one, names are written as "Name" <address>, groups are taken apart, and a Date that cannot be understood becomes now.
Bcc, Apparently-To, Return-Path, Content-Length, Envelope-Recipients and Envelope-Sender are removed. If the empty line
after the header ends in CR LF, so do all lines, and LF is queued.

Recipients: -a the arguments; -h the addresses in To, Cc, Bcc and Apparently-To, or in Envelope-Recipients if there is
such a field; -H both; -A (default) the arguments if there are any, else the header. A message without any recipient is
refused, and so is an address that SMTP cannot name.

The envelope sender is what -f says, else the address in Envelope-Sender, else that in Return-Path, else that of the
user. -F ignores From, -I Message-ID, -S Return-Path; -M makes a sender for each message, -R one for each recipient. -n
prints the envelope and the message instead of queueing it; -N (default) queues it.

REWRITING

Rules are lines of the file that QMAILREWRITEFILE names, else of control/rewrite. Each is tried once, in order:
`=post:new` makes the host `post` into `new`; `*post:new` puts `new` where a host ends in `post`; `?post:new` likewise
where the rest of the host has no dot and no bracket; `-post:new` makes a host that ends in `post` into `new`. Without a
file a dot at the end is removed, no host becomes control/defaulthost, a `+` at the end becomes a dot and
control/plusdomain, and a host without a dot gets one and control/defaultdomain.

ENVIRONMENT

QMAILUSER, MAILUSER, USER or LOGNAME, QMAILHOST or MAILHOST, and QMAILNAME, MAILNAME or NAME make the default From;
QMAILSUSER and QMAILSHOST make the default envelope sender. QMAILINJECT holds the letters F, I, M, R or S in either
case. QMAILMFTFILE names a file of mailing list addresses for Mail-Followup-To. QMAILREWRITEFILE names a file of rules.
QMAILDEFAULTDOMAIN, QMAILDEFAULTHOST, QMAILPLUSDOMAIN and QMAILIDHOST override control files. QMAILQUEUE names a program
to run in place of qmail-queue.

CONTROL FILES

rewrite, defaultdomain, defaulthost, idhost, plusdomain, me

EXIT STATUS

0 queued; 100 it cannot be sent; 111 try again later.

SEE ALSO

qmail-inject(8), ofmipd(8), qmail-queue(8)
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.submit.submission import submit
from qmtwist.cli.options import Options, UsageError
from qmtwist.control.rewriting import read_rewriting
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import HeaderReader, LineEnds
from qmtwist.mail.shapes import Iterator, Mapping
from qmtwist.rules.completion import Unparsable
from qmtwist.rules.inject import EITHER, Submission
from qmtwist.rules.newinject import Composed, compose, envelope_text
from qmtwist.store.durable import write_all

from .author import mailing_lists, person

PERMANENT, TEMPORARY = 100, 111
_NAME = b"new-inject: "
_USAGE = b"usage: new-inject [ -nNaAhHFIMRS ] [ -f sender ] [ recip ... ]\n\n"
_NO_RECIPIENTS = b"no recipients: give addresses as arguments or in To, Cc or Bcc (#5.1.3)\n"
_READ_BYTES = 65536


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    environ = os.environb
    try:
        submission, is_queued = _read_arguments(arguments, environ)
        header = HeaderReader(has_mbox_lines=False)
        pieces = _stdin()
        _read_header(header, pieces)
        rewriting = read_rewriting(home, environ)
        composed = compose(header.fields, rewriting.rules, person(environ), submission, rewriting.idhost)
        return _queue(composed, _body(header, pieces), home, environ) if is_queued else _print(composed, header, pieces)
    except UsageError as error:
        return _say(PERMANENT, _NAME + error.complaint + b"\n" + _NAME + _USAGE)
    except Unparsable as error:
        return _die(PERMANENT, error.complaint)
    except Malformed as error:
        return _die(PERMANENT, b"%s (#%s)\n" % (error.text.encode(), error.status.encode()))
    except MemoryError:
        return _die(TEMPORARY, b"out of memory\n")
    except OSError as error:
        return _die(TEMPORARY, b"unable to read or write: %s\n" % (error.strerror or "error").lower().encode())


def _say(status: int, text: bytes) -> int:
    try:
        write_all(2, text)
    except OSError:
        return status  # nobody listens; the status says it all the same
    return status


def _die(status: int, complaint: bytes) -> int:
    return _say(status, _NAME + b"fatal: " + complaint)


def _read_arguments(arguments: list[bytes], environ: Mapping[bytes, bytes]) -> tuple[Submission, bool]:
    letters, strategy, is_queued, sender = environ.get(b"QMAILINJECT", b""), EITHER, True, None
    options = Options(arguments, b"nNaAhHFIMRSf:")
    for letter, value in options:
        if letter == b"f":
            sender = value
        elif letter in b"nN":
            is_queued = letter == b"N"
        elif letter in b"aAhH":
            strategy = letter
        else:
            letters += letter
    now, chance = int(time.time()), int.from_bytes(os.urandom(8), "big")
    lists = mailing_lists(environ)
    return Submission(tuple(options.rest), strategy, sender, letters, lists, now, os.getpid(), chance), is_queued


def _stdin() -> Iterator[bytes]:
    while piece := os.read(0, _READ_BYTES):
        yield piece


def _read_header(header: HeaderReader, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        header.receive(piece)
        if header.is_complete:
            return
    header.eof()


def _body(header: HeaderReader, pieces: Iterator[bytes]) -> Iterator[bytes]:
    ends = LineEnds(header.has_crlf)
    yield ends.convert(header.rest)
    for piece in pieces:
        yield ends.convert(piece)
    yield ends.end()


def _print(composed: Composed, header: HeaderReader, pieces: Iterator[bytes]) -> int:
    write_all(1, envelope_text(composed) + composed.header)
    for piece in _body(header, pieces):
        write_all(1, piece)
    return 0


def _queue(composed: Composed, body: Iterator[bytes], home: str, environ: Mapping[bytes, bytes]) -> int:
    if not composed.recipients:
        return _die(PERMANENT, _NO_RECIPIENTS)

    def message() -> Iterator[bytes]:
        yield composed.header
        yield from body

    result = submit(home, message(), Envelope(composed.sender, composed.recipients), environ)
    if result.text:
        return _die(PERMANENT if result.text[:1] == b"D" else TEMPORARY, result.text[1:] + b"\n")
    return 0

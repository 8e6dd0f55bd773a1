"""qmail-inject: preprocess and send a mail message

    qmail-inject [ -nNaAhH ] [ -fsender ] [ recip ... ]

Reads a message from standard input, completes its header and hands it to qmail-queue. Addresses without a host get
one, Date, Message-ID and From are added if they are missing, Bcc, Return-Path and Content-Length are removed. If the
empty line after the header ends in CR LF, so do all lines, and LF is queued; otherwise a CR is a character like others.

Recipients: -a the arguments; -h the header fields To, Cc, Bcc and Apparently-To, or Resent-To, Resent-Cc and
Resent-Bcc; -H both; -A (default) the arguments if there are any, else the header. -f gives the envelope sender. -n
prints the message instead of queueing it; -N (default) queues it. A message without any recipient is refused, and so is
an address that SMTP cannot name: of more than 899 bytes, with a control character, or with a blank, a quote, a
backslash, < or > in its host. A header may have 32 MB and 200,000 fields, its addresses 2,000,000 words, a
message 1,000,000 recipients.

Environment: QMAILUSER, MAILUSER, USER or LOGNAME, QMAILHOST or MAILHOST, and QMAILNAME, MAILNAME or NAME make the
default From, in which a name that is not printable ASCII is encoded; QMAILSUSER and QMAILSHOST make the default
envelope sender. A line end in any of them counts as a blank. QMAILINJECT holds letters: c comment-style From, s ignore
Return-Path, f ignore From, i ignore Message-ID, r a sender for each recipient, m a sender for each message.
QMAILMFTFILE names a file of mailing list addresses for Mail-Followup-To. QMAILDEFAULTDOMAIN, QMAILDEFAULTHOST,
QMAILPLUSDOMAIN and QMAILIDHOST override control files. QMAILQUEUE names a program to run in place of qmail-queue.

Control files: defaultdomain, defaulthost, idhost, plusdomain, me.

Exit status: 0 queued; 100 it cannot be sent; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.submit.submission import Submission as QueueSubmission
from qmtwist.cli.options import Options, UsageError
from qmtwist.control.hosts import read_hosts
from qmtwist.mail.address import quote
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import HeaderReader, LineEnds
from qmtwist.mail.shapes import Iterator, Mapping
from qmtwist.rules.completion import Unparsable
from qmtwist.rules.exits import QMAIL, Exits
from qmtwist.rules.inject import EITHER, Completed, Submission, complete
from qmtwist.store.durable import write_all

from .author import mailing_lists, person

_USAGE, _DATA, _REFUSED, _LATER = range(4)  # places in Exits
_NO_RECIPIENTS = b"no recipients: give addresses as arguments or in To, Cc or Bcc (#5.1.3)\n"
_READ_BYTES = 65536

Environment = Mapping[bytes, bytes]


class _Fatal(Exception):
    def __init__(self, place: int, complaint: bytes) -> None:
        super().__init__(complaint)
        self.place = place
        self.complaint = complaint


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    return inject(arguments, home, os.environb)


def inject(arguments: list[bytes], home: str, environ: Environment, exits: Exits = QMAIL, lead: bytes = b"") -> int:
    """The whole program, for qmail-inject and for those that are it under another name.

    `exits` are the statuses it may end with; `lead` is read before standard input, as if it were its beginning.
    """
    try:
        if not os.access(home, os.X_OK):
            return _die(exits.later, b"internal bug\n")
        submission, is_queued = _read_arguments(arguments, environ)
        _send(submission, is_queued, home, environ, lead)
    except UsageError as error:
        _say(b"qmail-inject: " + error.complaint + b"\n")
        return exits.usage
    except Unparsable as error:
        return _die(exits.data, error.complaint)
    except _Fatal as error:
        return _die(exits[error.place], error.complaint)
    except MemoryError:
        return _die(exits.later, b"out of memory\n")
    except OSError:
        return _die(exits.later, b"read error\n")
    return 0


def _die(status: int, complaint: bytes) -> int:
    _say(b"qmail-inject: fatal: " + complaint)
    return status


def _say(complaint: bytes) -> None:
    try:
        write_all(2, complaint)
    except OSError:
        return  # nobody listens; the status says it all the same


def _read_arguments(arguments: list[bytes], environ: Environment) -> tuple[Submission, bool]:
    strategy, is_queued, sender = EITHER, True, None
    options = Options(arguments, b"aAhHnNf:")
    for letter, value in options:
        if letter == b"f":
            sender = value
        elif letter in b"nN":
            is_queued = letter == b"N"
        else:
            strategy = letter
    letters, lists = environ.get(b"QMAILINJECT", b""), mailing_lists(environ)
    now, chance = int(time.time()), int.from_bytes(os.urandom(8), "big")
    submission = Submission(tuple(options.rest), strategy, sender, letters, lists, now, os.getpid(), chance)
    return submission, is_queued


def _send(submission: Submission, is_queued: bool, home: str, environ: Environment, lead: bytes) -> None:
    hosts = read_hosts(home, environ)
    pieces = _stdin(lead)
    header = HeaderReader()
    try:
        for piece in pieces:
            header.receive(piece)
            if header.is_complete:
                break
        header.eof()
    except Malformed as error:
        raise _Fatal(_DATA, b"%s (#%s)\n" % (error.text.encode(), error.status.encode())) from error
    completed = complete(header.fields, hosts, person(environ), submission)
    body = _body(header, pieces)
    if is_queued:
        _queue(completed, body, home, environ)
    else:
        _print(b"Return-Path: <" + quote(completed.sender) + b">\n" + completed.header)
        for piece in body:
            _print(piece)


def _print(data: bytes) -> None:
    try:
        write_all(1, data)
    except OSError as error:
        raise _Fatal(_LATER, b"write error\n") from error


def _stdin(lead: bytes) -> Iterator[bytes]:
    if lead:
        yield lead
    while piece := os.read(0, _READ_BYTES):
        yield piece


def _body(header: HeaderReader, pieces: Iterator[bytes]) -> Iterator[bytes]:
    ends = LineEnds(header.has_crlf)
    yield ends.convert(header.rest)
    for piece in pieces:
        yield ends.convert(piece)
    yield ends.end()


def _queue(completed: Completed, body: Iterator[bytes], home: str, environ: Environment) -> None:
    if not completed.recipients:
        raise _Fatal(_USAGE, _NO_RECIPIENTS)
    try:
        submission = QueueSubmission(home, environ)
    except OSError as error:
        raise _Fatal(_LATER, b"unable to run qmail-queue\n") from error
    with submission:
        submission.write(completed.header)
        for piece in body:
            submission.write(piece)
        result = submission.finish(Envelope(completed.sender, completed.recipients))
    if result.text:
        raise _Fatal(_REFUSED if result.text[:1] == b"D" else _LATER, result.text[1:] + b"\n")

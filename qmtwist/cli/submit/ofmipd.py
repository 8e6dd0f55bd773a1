"""ofmipd: receive mail from mail readers by SMTP, and put it into order

SYNOPSIS

    ofmipd [ name.cdb ]

DESCRIPTION

Receives mail messages by SMTP on descriptors 0 and 1, rewrites their addresses and headers as new-inject does, and
hands each to qmail-queue. It takes every recipient from everybody: run it under tcpserver, with rules that let in those
whose mail you send. The service inside the daemon does the same work without a process (control/listenofmip).

The envelope is what MAIL and RCPT say, with rewritten hosts; Bcc and Apparently-To are removed, and are no recipients.
A message gets what it lacks: Date, Message-ID, From. A Received line is put on top.

With a name database, which ofmipname makes, a message whose rewritten sender is a key of it gets the address that
stands there, and a From field of that name and address in place of its own.

A line may end in LF alone, but only a client whose commands end so may end a message with LF . LF. A header of more
than 1 MB is refused.

CONTROL FILES

rewrite, defaultdomain, defaulthost, idhost, plusdomain, me (see new-inject), databytes (0: no limit), maxcommand,
maxrecipients, maxerrors, maxidlecommands. They are read for each connection.

ENVIRONMENT

TCPREMOTEIP, TCPREMOTEINFO (for the Received field), DATABYTES (instead of the control file), QMAILQUEUE (a program to
run instead of bin/qmail-queue).

EXIT STATUS

0 after QUIT, 1 after everything else: the client is gone, has been silent for 20 minutes, or a file cannot be read.

SEE ALSO

ofmipname(1), new-inject(1), qmail-smtpd(8), tcp-environ(5), qmail-queue(8)
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.submit.smtpstdio import SmtpStdio, Trouble, read_limits
from qmtwist.agents.submit.submission import Submission
from qmtwist.control.rewriting import read_rewriting
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Mapping
from qmtwist.rules.ofmip import Author, Letter, Ofmip, received
from qmtwist.store import cdb
from qmtwist.store.durable import write_all
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import (
    Content,
    Event,
    MessageEnded,
    MessageOffered,
    MessageSpoiled,
    RecipientOffered,
    SenderOffered,
)
from qmtwist.wire.smtp.ofmip import NO_CONFIGURATION, NO_NAMES, PlainSession, letter_reply, plain_terms

TIMEOUT_S = 1200


def main(arguments: list[bytes], home: str) -> int:
    """Serve one client; the exit status."""
    environ = os.environb
    try:
        names = cdb.Reader(arguments[0]) if arguments else None
        rewriting = read_rewriting(home, {})
        session = PlainSession(plain_terms(read_limits(home, environ)))
    except (OSError, Malformed):
        write_all(1, NO_CONFIGURATION.plain)
        return 1
    chance = int.from_bytes(os.urandom(8), "big")
    ofmip = Ofmip(rewriting.rules, rewriting.idhost, os.getpid(), chance, None if names is None else names.get)
    return Conversation(home, environ, session, ofmip).run()


class Conversation(SmtpStdio):
    """Pumps between descriptors 0 and 1, the session and the queue program. Lives as long as the connection."""

    def __init__(self, home: str, environ: Mapping[bytes, bytes], session: PlainSession, ofmip: Ofmip) -> None:
        super().__init__(home, environ, session, TIMEOUT_S)
        self._ofmip = ofmip
        self._author = Author(b"", None)
        self._letter: Letter | None = None

    def _answer(self, event: Event) -> None:
        if isinstance(event, Content):
            self._store(event.data)
        elif isinstance(event, RecipientOffered):
            self._name(self._ofmip.recipient(event.address))
        elif isinstance(event, SenderOffered):
            self._name_author(event.address)
        elif isinstance(event, MessageOffered):
            self._open()
        elif isinstance(event, MessageEnded):
            self._finish(event)
        elif isinstance(event, MessageSpoiled):
            self._abandon()

    def _name_author(self, offered: bytes) -> None:
        try:
            author = self._ofmip.author(offered)
        except (OSError, Malformed):
            raise Trouble(NO_NAMES) from None
        self._author = author or Author(b"", None)
        self._name(None if author is None else author.address)

    def _name(self, address: bytes | None) -> None:
        if address is None:
            self._session.refuse(replies.SYNTAX)
        else:
            self._session.accept(address)

    def _open(self) -> None:
        environ, now = self._environ, int(time.time())
        try:
            self._submission = Submission(self._home, environ)
        except OSError:
            return self._session.refuse(replies.QUEUE_FAILURE)
        self._letter = self._ofmip.letter(self._author, now)
        self._submission.write(received(environ.get(b"TCPREMOTEINFO"), environ.get(b"TCPREMOTEIP"), now))
        return self._session.go_ahead()

    def _store(self, data: bytes) -> None:
        if self._submission is not None and self._letter is not None:
            self._submission.write(self._letter.receive(data))

    def _finish(self, event: MessageEnded) -> None:
        self._store(event.data)
        letter, submission = self._letter, self._submission
        assert letter is not None and submission is not None
        self._write(self._session.take_output())
        submission.write(letter.end())
        if letter.fault is not None:
            self._abandon()
            return self._session.refuse(letter_reply(letter.fault))
        self._submission = None
        return self._tell(submission.finish(event.envelope), int(time.time()))

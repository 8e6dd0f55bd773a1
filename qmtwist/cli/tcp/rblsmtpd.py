"""rblsmtpd: turn away clients that are listed in the DNS

SYNOPSIS

    rblsmtpd [-bBcC] [-t SECONDS] [-r LIST] [-a LIST] ... PROGRAM [ARGUMENT...]

DESCRIPTION

Decides whether the client of an SMTP connection is welcome. If it is, runs PROGRAM, usually qmail-smtpd or another
rblsmtpd. Otherwise talks to the client itself: greets it, and answers every RCPT, DATA and unknown command with the
reason. Without a LIST, and without the variable RBLSMTPD, every client is welcome: the list that was once asked then is
gone.

OPTIONS

They take effect in their order; the first list that says something decides.

-r LIST     turn the client away if LIST, asked about its address, has a text (TXT record)
-a LIST     let the client in if LIST, asked about its address, has an address (A record)
-b, -B      lists that follow: 553, so that the message bounces; 451, so that the client tries again (default)
-c, -C      lists that follow and cannot be asked: turn the client away with 451, pass an -a list over; or let it go on,
            with an -a list let it in at once (default). After any failure 451 is said instead of 553.
-t SECONDS  how long to talk to an unwanted client (60); 0: say the reason instead of a greeting, and hang up

LIST is a domain name. Two things may follow it that the old rblsmtpd does not know: `=CODES`, such as `=127.0.0.2` or
`=127.0.0.2-3,127.0.0.10-11`: the list must have one of these addresses; and `:TEXT`: this is said, `%IP%` being the
client's address, instead of the list's own text, and an address is enough to be in the list. IPv6 addresses are asked
about nibble by nibble.

The name servers are those of control/nameservers, else those of /etc/resolv.conf. A name that a server fails to look up
is asked for three times in all.

ENVIRONMENT

TCPREMOTEIP is the client's address; without it LIST itself is looked up. If RBLSMTPD is set, no list is asked: when it
is empty the client is let in, when it begins with - the client is turned away with 553 and the rest of it, otherwise
with 451 and all of it.

EXIT STATUS

That of PROGRAM; 0 after an unwanted client, 100 for wrong usage, 111 if PROGRAM cannot be run.

SEE ALSO

tcpserver(1), tcp-environ(5), qmail-control(5) for control/rbldns
"""

from __future__ import annotations

import os
import select
import time

from qmtwist.cli import chain
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.dns import Answer, Question, Status
from qmtwist.mail.errors import Malformed, suppress
from qmtwist.rules import dnsbl
from qmtwist.store import durable
from qmtwist.wire.smtp.refusing import GREETING, RefusingSession

USAGE = b"rblsmtpd: usage: rblsmtpd [ -b ] [ -R ] [ -t timeout ] [ -r base ] [ -a base ] smtpd [ arg ... ]\n"
ATTEMPTS = 3  # for a name that a server fails to look up
PATIENCE_S = 10  # no attempt begins later: servers are silent then, and the resolver has asked them again by itself
PAUSE_S = 0.3  # before the second attempt; the next is twice as long
READ_BYTES = 4096
WRITE_BYTES = 512  # at once; a descriptor that is ready takes so many without blocking
POLL_LIMIT_MS = 2**31 - 1


def main(arguments: list[bytes], home: str) -> int:
    """Decide, then run the program or stand in for it; the exit status."""
    options, asked = Options(arguments, b"bBcCt:r:a:"), dnsbl.Options()
    ip = os.environb.get(b"TCPREMOTEIP", b"")
    complaint = b""
    try:
        for letter, value in options:
            asked.take(letter, value)
    except UsageError:
        complaint = USAGE
    except Malformed as error:
        complaint = b"rblsmtpd: fatal: %s\n" % error.text.encode()
    verdict = dnsbl.told(os.environb)
    if verdict is None:
        verdict = ask(asked.plan, ip, home)
    if complaint or not options.rest:
        durable.write_all(2, complaint or USAGE)
        return 100
    if verdict.code:
        return stand_in(ip, verdict, asked.plan.timeout_s)
    return chain.become(b"rblsmtpd", options.rest)


def ask(plan: dnsbl.Plan, ip: bytes, home: str) -> dnsbl.Verdict:
    """What the lists say, asked one after the other until one decides."""
    answers: list[tuple[Answer, ...]] = []
    while (verdict := dnsbl.decide(plan.lists, ip, answers)) is None:
        answers.append(look_up(dnsbl.questions(plan.lists[len(answers)], ip), home))
    return verdict


def look_up(questions: tuple[Question, ...], home: str) -> tuple[Answer, ...]:
    """The answers; when there is trouble they are asked for again, but not for ever."""
    from qmtwist.agents.dns import Resolver
    from qmtwist.control.nameservers import RESOLV_CONF, home_name_service, name_service

    try:
        service = home_name_service(home)
    except OSError:  # this program may run as anybody
        service = name_service((), RESOLV_CONF)
    resolver = Resolver(service)
    begun = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        answers = resolver.ask(*questions)
        has_failed = any(answer.status is Status.TROUBLE for answer in answers)
        if not has_failed or attempt == ATTEMPTS or time.monotonic() - begun > PATIENCE_S:
            break
        time.sleep(PAUSE_S * attempt)
    return answers


def stand_in(ip: bytes, verdict: dnsbl.Verdict, timeout_s: int) -> int:
    """Tell the log and then the client, until it goes or time is up."""
    reason = b"%d %s" % (verdict.code, verdict.text)
    with suppress(OSError):  # a log that nobody reads is no reason to let him in
        durable.write_all(2, b"rblsmtpd: %s pid %d: %s\n" % (ip, os.getpid(), reason))
    with suppress(OSError, TimeoutError):  # he has gone
        _talk(RefusingSession(reason), reason, timeout_s)
    return 0


def _talk(session: RefusingSession, reason: bytes, timeout_s: int) -> None:
    """:raises OSError, TimeoutError: the client has gone, or its time is up."""
    if not timeout_s:
        durable.write_all(1, reason + b"\r\n")
        return
    end = time.monotonic() + timeout_s
    _write(GREETING, end)
    while not session.is_over:
        _wait(0, select.POLLIN, end)
        data = os.read(0, READ_BYTES)
        if not data:
            return
        _write(session.receive(data), end)


def _write(data: bytes, end: float) -> None:
    while data:
        _wait(1, select.POLLOUT, end)
        data = data[os.write(1, data[:WRITE_BYTES]) :]


def _wait(descriptor: int, event: int, end: float) -> None:
    """:raises TimeoutError: time is up."""
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(min(POLL_LIMIT_MS, max(0, int((end - time.monotonic()) * 1000)))):
        raise TimeoutError

"""sendmail: send a mail message, for programs that expect a sendmail

    sendmail [ -t ] [ -fsender ] [ -Fname ] [ -i ] [ option ... ] [ recip ... ]
    sendmail -bp | -bs | -bi | -q
    sendmail -bv address ...

Hands a message from standard input to qmail-inject. It ends with the end of the input: a line with a single dot is an
ordinary line, with -i and without. Who does not end it within a day is not waited for any longer.

-t      the recipients of the header get it, as well as those named as arguments (in To, Cc and Bcc, or in Resent-To,
        Resent-Cc and Resent-Bcc; Bcc is removed). Arguments are never taken away from them, as some sendmails do.
-f, -r  the envelope sender, and with it the address in the default From. Brackets around it, or around a recipient, do
        not count; `-f '<>'` or `-f ''` is for mail whose bounces nobody wants.
-F      the full name in the default From. QMAILNAME comes before it, unless there is -f.
-bm     send a message: what is done without -b
-bp     list the queue, like mailq
-bs     talk SMTP on standard input and output, as a local client that may relay
-bi, -I make the aliases effective, like newaliases
-bv     tell for each address where its mail would go, like qmtwist trace; nothing is sent
-q      make all mail in the queue due now; for root and the user the server runs as

Accepted for the callers' sake, without effect: -B (every message is carried as it is, 8-bit or not), -i -m -n -v -x -c
-G -U, -E -J -d with the rest of their word, -e -o -p -h -A -C -D -L -M -O -X with a value.

-N, -R and -V ask for delivery status notifications (RFC 3461). They are looked at and not obeyed, as the queue cannot
carry them: a message that cannot be delivered comes back to its sender whole, even with `-N never`, and success and
delay are not reported. A sender who really wants no bounce has `-f '<>'`.

-bd, -bD, -bt, -bh, -bH and -q with an interval are refused with a word about what to use instead, as are options that
no sendmail has. After -- and after the first recipient there are no options.

The program's name tells what it does, too: mailq lists the queue, newaliases makes aliases effective.

ENVIRONMENT

As for qmail-inject. -f takes away QMAILNAME, MAILNAME, NAME, QMAILHOST and MAILHOST.

EXIT STATUS

Those of sysexits(3), unlike qmail's sendmail: 0 it is in the queue; 64 wrong use, or no recipient; 65 the header or an
address cannot be understood; 67 with -bv: somebody gets no mail here; 69 the queue does not take the message; 75
nothing was queued, try again later; 77 not permitted. -bp, -bs and -bi end with the status of qmail-qread, qmail-smtpd
or newaliases.

SEE ALSO

qmail-inject(8), mailq(1), newaliases(1), qmtwist(8)
"""

from __future__ import annotations

import os
import sys

from qmtwist.cli.options import UsageError
from qmtwist.mail.shapes import NoReturn
from qmtwist.rules.exits import NOT_PERMITTED, SYSEXITS, UNKNOWN_USER
from qmtwist.store.durable import write_all
from qmtwist.store.signals import signal

from .qmail_inject import inject
from .sendmailoptions import NotHere, Wanted, read

READ_LIMIT_S = 86400  # for the whole message, as qmail-queue has it
_USAGE = b"sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]\n"
_PROGRAMS = {"list": b"qmail-qread", "smtp": b"qmail-smtpd", "aliases": b"newaliases"}
_OWN_NAMES = ("mailq", "newaliases")
_LOCAL_CLIENT = {
    b"RELAYCLIENT": b"",
    b"DATABYTES": b"0",
    b"PROTO": b"TCP",
    b"TCPLOCALIP": b"127.0.0.1",
    b"TCPLOCALHOST": b"localhost",
    b"TCPREMOTEIP": b"127.0.0.1",
    b"TCPREMOTEHOST": b"localhost",
    b"TCPREMOTEINFO": b"sendmail-bs",
}


def main(arguments: list[bytes], home: str) -> int:
    """See the module."""
    called = os.path.basename(sys.argv[0])
    return run(called.encode() if called in _OWN_NAMES else b"sendmail", arguments, home)


def run(name: bytes, arguments: list[bytes], home: str, lead: bytes = b"") -> int:
    """The program under the name by which it was called: sendmail, mailq or newaliases.

    `lead` is read before standard input, as if it were its beginning.
    """
    try:
        wanted = read(arguments)
    except UsageError as error:
        _say(name + b": " + error.complaint + b"\n" + _USAGE if error.complaint else _USAGE)
        return SYSEXITS.usage
    except NotHere as error:
        return _fatal(SYSEXITS.usage, error.complaint)
    environ = dict(os.environb)
    if wanted.mode == "smtp" and b"PROTO" not in environ:
        environ.update(_LOCAL_CLIENT)
    mode = {b"mailq": "list", b"newaliases": "aliases"}.get(name, wanted.mode)
    if mode in _PROGRAMS:
        return _execute(_PROGRAMS[mode], environ, home)
    if mode == "verify":
        return _verify(wanted.words, home)
    if mode == "flush":
        return _flush(wanted.words, home)
    return _send(wanted, environ, home, lead)


def _send(wanted: Wanted, environ: dict[bytes, bytes], home: str, lead: bytes) -> int:
    words = [wanted.strategy]
    if wanted.sender is not None:
        _set_sender(environ, wanted.sender)
        words += [b"-f" + wanted.sender] if wanted.sender else [b"-f", b""]
    if wanted.name is not None:
        environ[b"MAILNAME"] = wanted.name
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(READ_LIMIT_S)
    return inject([*words, b"--", *wanted.words], home, environ, SYSEXITS, lead)


def _give_up(*_: object) -> NoReturn:
    """Nothing is queued: the end of the envelope never comes."""
    _say(b"sendmail: fatal: the message did not end within %d seconds\n" % READ_LIMIT_S)
    os._exit(SYSEXITS.later)


def _set_sender(environ: dict[bytes, bytes], sender: bytes) -> None:
    """-f changes the default From as well; names of the environment are those of somebody else."""
    for name in (b"QMAILNAME", b"MAILNAME", b"NAME", b"QMAILHOST", b"MAILHOST"):
        environ.pop(name, None)
    user, at, host = sender.rpartition(b"@")
    environ[b"QMAILUSER"] = user if at else sender
    if at:
        environ[b"QMAILHOST"] = host


def _verify(addresses: tuple[bytes, ...], home: str) -> int:
    from qmtwist.cli.control.trace import Exits, trace

    if not addresses:
        return _fatal(SYSEXITS.usage, b"-bv: no address to look at")
    return trace(addresses, home, Exits(UNKNOWN_USER, SYSEXITS.later))


def _flush(words: tuple[bytes, ...], home: str) -> int:
    from qmtwist.agents.supervise.hurry import NotAllowed, hurry

    if words:
        return _fatal(SYSEXITS.usage, b"-q: recipients have nothing to do with it")
    try:
        hurry(home)
    except NotAllowed:
        return _fatal(NOT_PERMITTED, b"-q: only root and the user the server runs as may ask for this")
    except OSError:
        return _fatal(SYSEXITS.later, b"-q: the server is not running")
    return 0


def _execute(program: bytes, environ: dict[bytes, bytes], home: str) -> int:
    """Become another program of the home."""
    path = os.path.join(os.fsencode(home), b"bin", program)
    try:
        os.execve(path, [program], environ)
    except OSError:
        return _fatal(SYSEXITS.later, b"unable to run " + program)


def _fatal(status: int, complaint: bytes) -> int:
    _say(b"sendmail: fatal: " + complaint + b"\n")
    return status


def _say(text: bytes) -> None:
    try:
        write_all(2, text)
    except OSError:
        return  # nobody listens; the status says it all the same

"""sendmail: send a mail message, for programs that expect a sendmail

    sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]

Hands a message from standard input to qmail-inject. Recipients are the arguments; with -t those in the header as well.
-f gives the envelope sender, and with it the default From; -F the full name in the default From, unless -f is given. A
line with a single dot is an ordinary line. -bs talks SMTP on standard input and output, as a local client that may
relay; -bp lists the queue.

Accepted and ignored: -bm -i -m -v -x, -e -o -p -B with a value, and -E and -J with the rest of their word. Anything
else is refused. Called as mailq it lists the queue.

Exit status: 0 done; 100 it cannot be done; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.cli.options import Options, UsageError
from qmtwist.store.durable import write_all

from .qmail_inject import PERMANENT, TEMPORARY, inject

_OPTIONS = b"imte:f:p:o:B:F:EJxb:v"
_SWALLOWING = b"EJ"
_USAGE = b"sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]\n"
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
    return run(b"sendmail", arguments, home)


def run(name: bytes, arguments: list[bytes], home: str) -> int:
    """The program under the name by which it was called: sendmail, mailq or newaliases."""
    environ = dict(os.environb)
    strategy, sender = b"-a", None
    options = Options(arguments, _OPTIONS, _SWALLOWING)
    try:
        for letter, value in options:
            if letter == b"t":
                strategy = b"-H"
            elif letter == b"f":
                sender = value
            elif letter == b"F":
                environ[b"MAILNAME"] = value
            elif letter == b"b" and value != b"m":
                return _other_mode(value, environ, home)
    except UsageError as error:
        write_all(2, name + b": " + error.complaint + b"\n" + _USAGE)
        return PERMANENT
    if name == b"mailq":
        return _execute(b"qmail-qread", environ, home)
    if name == b"newaliases":
        write_all(2, b"sendmail: fatal: please use fastforward/newaliases instead\n")
        return PERMANENT
    words = [strategy]
    if sender is not None:
        _set_sender(environ, sender)
        words += [b"-f" + sender] if sender else [b"-f", b""]
    return inject([*words, b"--", *options.rest], home, environ)


def _set_sender(environ: dict[bytes, bytes], sender: bytes) -> None:
    """-f changes the default From as well; a name given with -F is lost, as in qmail."""
    for name in (b"QMAILNAME", b"MAILNAME", b"NAME", b"QMAILHOST", b"MAILHOST"):
        environ.pop(name, None)
    user, at, host = sender.rpartition(b"@")
    environ[b"QMAILUSER"] = user if at else sender
    if at:
        environ[b"QMAILHOST"] = host


def _other_mode(mode: bytes, environ: dict[bytes, bytes], home: str) -> int:
    if mode == b"p":
        return _execute(b"qmail-qread", environ, home)
    if mode != b"s":
        write_all(2, _USAGE)
        return PERMANENT
    if b"PROTO" not in environ:
        environ.update(_LOCAL_CLIENT)
    return _execute(b"qmail-smtpd", environ, home)


def _execute(program: bytes, environ: dict[bytes, bytes], home: str) -> int:
    """Become another program of the home."""
    path = os.path.join(os.fsencode(home), b"bin", program)
    try:
        os.execve(path, [program], environ)
    except OSError:
        write_all(2, b"sendmail: fatal: unable to run " + program + b"\n")
        return TEMPORARY

"""qmail-local - deliver or forward one message to one recipient

    qmail-local [ -nN ] [ -- ] user homedir local dash ext domain sender defaultdelivery

Reads a message from descriptor 0, which must be a file, and follows the instructions in the .qmail file of homedir
that serves dash and ext: `.qmail` dash ext, then `.qmail` dash `...-default`, in lower case and with colons for dots.
Without a file, or with an empty one, it follows defaultdelivery; without a file but with a dash, there is no such
address. A line of the file is

    ./Maildir/        a maildir: a name that begins with . or / and ends with /
    ./Mailbox         an mbox file: a name that begins with . or /
    |command          run by /bin/sh in homedir, the message on its standard input
    &user@host        forward; the & may be left out
    +list             from here on only forwarding is allowed
    # text            nothing

The whole file is checked before its first line is followed. Programs see the delivery in their environment (SENDER,
NEWSENDER, RECIPIENT, USER, HOME, LOCAL, HOST, HOST2-4, EXT, EXT2-4, DEFAULT, DTLINE, RPLINE, UFLINE) and exit 0 to
go on, 99 to skip the rest, 100 to fail, 111 to be tried again. A program that runs longer than control/programtimeout
seconds is killed and tried again.

-n  say what would be done, do nothing
-N  do it (the default); the last of -n and -N counts

Exit status: 0 delivered, 100 failure for ever, 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.local.deliver import Courier, Delivery, show
from qmtwist.agents.local.program import PROGRAM_LIMIT_S, Inside
from qmtwist.control.grammar import read_number
from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Callable, Mapping, NoReturn
from qmtwist.store.durable import write_all
from qmtwist.store.signals import signal

USAGE = b"qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n"


def main(arguments: list[bytes], home: str) -> int:
    """Run the program; see the module's text."""
    is_show, words, complaint = parse_options(arguments)
    if complaint or len(words) != 8 or not words[1].startswith(b"/"):
        write_all(2, complaint + USAGE)
        return 100
    delivery = Delivery(*words)
    if is_show:
        shown = show(delivery)
        write_all(1, shown.out)
        write_all(2, shown.err)
        return shown.code
    os.umask(0o077)
    courier = Courier(os.fsencode(home), os.environb, _program_limit(home), inside=_inside(home))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: courier.stop())
    ended = courier.deliver(delivery, 0, 1, 2)
    with suppress(OSError):  # nobody listens any more; that does not undo a delivery
        write_all(2 if ended.code else 1, ended.text)
    return ended.code


def _inside(home: str) -> Inside:
    """Programs of ours are looked for when there is a command."""

    def find(words: list[bytes], environ: Mapping[bytes, bytes]) -> Callable[[], NoReturn] | None:
        from qmtwist.cli import inside

        return inside.Inside(home).find(words, environ)

    return find


def parse_options(arguments: list[bytes]) -> tuple[bool, list[bytes], bytes]:
    """Whether -n was the last of -n and -N, the words after the options, and a complaint about an option.

    >>> parse_options([b"-Nn", b"--", b"-x"])
    (True, [b'-x'], b'')
    """
    is_show = False
    for at, word in enumerate(arguments):
        if word == b"--":
            return is_show, arguments[at + 1 :], b""
        if not word.startswith(b"-") or word == b"-":
            return is_show, arguments[at:], b""
        for letter in word[1:]:
            if letter not in b"nN":
                return is_show, [], b"qmail-local: illegal option -- %c\n" % letter
            is_show = letter == ord("n")
    return is_show, [], b""


def _program_limit(home: str) -> int:
    try:
        return read_number(home, "programtimeout", PROGRAM_LIMIT_S) or PROGRAM_LIMIT_S
    except OSError:  # control/ may be closed to users; the default still protects the queue
        return PROGRAM_LIMIT_S

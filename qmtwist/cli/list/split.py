"""ezmlm-split - hand wishes to join or leave a mailing list to its sublists

    |ezmlm-split DIR [FILE]
    ezmlm-split -D DIR [FILE] <ADDRESSES

In the .qmail-LIST-default file of a list, above ezmlm-manage: a message to LIST-subscribe or LIST-unsubscribe goes to
the same address of the sublist that the subscriber belongs to, by DIR/split or FILE, and the delivery stops. Everything
else, and who belongs to the list itself, is left to the lines below. The sublist asks for the confirmation.

FILE has lines of the form

    DOMAIN:LOW:HIGH:SUBLIST

The first line that fits counts. DOMAIN is a top level domain, or the two last parts of one with the last part first, as
com.example, or in the usual order; it fits those that end so, and if it is empty all. LOW and HIGH are the first and
the last of the numbers from 0 to 52 that fit: they divide subscribers evenly, and are 0 and 52 if they are empty.
SUBLIST is the list's address, on this list's host if there is no @; if it is empty the subscriber belongs to this list.
Empty lines and those that begin with # do not count.

    edu:::list-us@us.example.org
    :0:25:list-1
    :26:52:list-2

A sublist has DIR/sublist with the address of this list, and is a subscriber of it.

-D: print the address of the list that each address on standard input, one a line, belongs to, `LIST@HOST: ADDRESS`. So
subscribers that are there already are sorted out:

    ezmlm-list DIR | ezmlm-split -D DIR | sort

-d: as without.

Environment: SENDER, LOCAL and DTLINE, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 it is left to the lines below, or done; 99 it is handed on; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os

from qmtwist.agents.lists.splitting import USUAL, hand_on, sorted_out
from qmtwist.cli.chain import say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.errors import Temporary
from qmtwist.store.durable import write_all

from .changing import from_input
from .common import carry_out, enter, variable

_NAME = b"ezmlm-split"


def main(arguments: list[bytes], home: str) -> int:
    """Do it, and say under which number something is queued."""

    def work() -> int:
        letters, words = _command_line(arguments)
        name = os.fsdecode(words[1]) if len(words) > 1 else USUAL
        if letters[-1:] == [b"D"]:
            enter(words[0])
            _print(b"".join([b"%s: %s\n" % found for found in sorted_out(os.curdir, from_input(), name)]))
            return 0
        sender, local = variable(b"SENDER"), variable(b"LOCAL")
        enter(words[0])
        number = hand_on(home, os.curdir, sender, local, name)
        if number is not None:
            say(b"ezmlm-split: info: qp %d" % number)
        return 0 if number is None else 99

    return carry_out(_NAME, b"[-dD] dir [splitfile]", work)


def _command_line(arguments: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """The options, which may stand behind DIR as well, and the other words."""
    before = Options(arguments, b"dD")
    letters = [letter for letter, _ in before]
    behind = Options(before.rest[1:], b"dD")
    letters += [letter for letter, _ in behind]
    words = before.rest[:1] + behind.rest
    if not 1 <= len(words) <= 2:
        raise UsageError(b"")
    return letters, words


def _print(text: bytes) -> None:
    try:
        write_all(1, text)
    except OSError as error:
        raise Temporary("unable to write output") from error

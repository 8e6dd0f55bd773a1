"""ezmlm-make - make a mailing list

    ezmlm-make [-aAmMpP] DIR DOT LOCAL HOST

Makes the list LOCAL@HOST in the new directory DIR, whose path begins with a slash, and the .qmail files that bring it
its mail, as links into DIR. As the user joe, whose addresses are joe-ANYTHING:

    ezmlm-make ~/friends ~/.qmail-friends joe-friends example.org

makes joe-friends@example.org with the .qmail files

    .qmail-friends                 messages to the list
    .qmail-friends-default         joe-friends-subscribe and other commands
    .qmail-friends-return-default  what comes back
    .qmail-friends-owner           mail to the owner, which goes to DIR/Mailbox: change that file as you like

For a list of the system make it as the user alias in ~alias, with LOCAL the plain name. Made by root it belongs to the
owner of the directory that DIR is in.

-A: messages are not archived; -a: they are (as without).
-m: every message waits for a moderator (see ezmlm-store). Moderators are the subscribers of DIR/mod, and there must be
one. -M: none does (as without).
-P: nobody can join, leave or ask for anything by mail; -p: they can (as without).

DIR can be changed at any time: text/ has what people are told, headeradd and headerremove the fields that are added to
and taken from every message, mailinglist what the Mailing-List field says. DIR/sublist with the address of another list
makes it a part of that one. Without DIR/dmarc no message's From is replaced (see ezmlm-send). DIR/key has 256 random
bits that make confirmations hard to guess.

Features of ezmlm-idx that this makes no use of are digests, remote administration and web pages.

Exit status: 0; 100 wrong use; 111 it cannot be made, for example because there is one. Then nothing of it is left.
"""

from __future__ import annotations

import os

from qmtwist.cli.options import UsageError
from qmtwist.mail.errors import suppress
from qmtwist.rules.lists.newlist import DIRECTORIES, LINKS, MODERATED_DIRECTORIES, MODERATED_LINKS, Plan, check, files
from qmtwist.store.lists.make import make

from .common import become_owner, carry_out, take

_NAME = b"ezmlm-make"
_SECRET_BYTES = 32


def main(arguments: list[bytes], home: str) -> int:
    """Make it."""

    def work() -> int:
        line = take(arguments, b"aAmMpP", 4)
        if len(line.words) != 4:
            raise UsageError(b"")
        directory, dot, local, host = line.words
        flags = b"".join(line.values)  # of two that contradict each other the last one counts
        plan = Plan(
            directory=directory,
            local=local,
            host=host,
            programs=os.fsencode(os.path.abspath(home)) + b"/bin",
            secret=os.urandom(_SECRET_BYTES),
            is_archived=flags.rfind(b"A") <= flags.rfind(b"a"),
            is_moderated=flags.rfind(b"m") > flags.rfind(b"M"),
            is_public=flags.rfind(b"P") <= flags.rfind(b"p"),
        )
        check(plan)
        os.umask(0o077)
        with suppress(FileNotFoundError, NotADirectoryError):  # which `make` tells
            become_owner(os.path.dirname(directory.rstrip(b"/")) or b"/")
        folders, links = (MODERATED_DIRECTORIES, MODERATED_LINKS) if plan.is_moderated else (DIRECTORIES, LINKS)
        make(os.fsdecode(directory), os.fsdecode(dot), folders, files(plan), dict(links))
        return 0

    return carry_out(_NAME, b"[-aAmMpP] dir dot local host", work)

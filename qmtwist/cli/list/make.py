"""ezmlm-make - make a mailing list

    ezmlm-make [-aAbBfFgGhHjJkKlLmMnNoOpPrRsStTuU] [-C LANGUAGE] [-5 OWNER] [-7 -8 -9 MODDIR] DIR DOT LOCAL HOST

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

A switch in the other case is off, as without it unless said otherwise; of two that contradict each other the last one
counts. Most of them are a file in DIR, which can be made or removed later.

Who may write:
-m  every message waits for a moderator (DIR/modpost; see ezmlm-store)
-u  only subscribers of the list, of its digest and of DIR/allow, and moderators (DIR/subpostonly); with -m messages of
    others wait for a moderator
-o  with -m, only moderators (DIR/modpostonly)
-k  nobody who is on DIR/deny; -r, -s and -u say this as well

Who may join, and what moderators may do (see ezmlm-manage):
-p  people join, leave and ask for things by mail (DIR/public); on unless -P is given
-s  moderators decide about who joins (DIR/modsub)
-r  moderators join and leave for others by mail (DIR/remote)
-l  moderators may see who is on the list (DIR/modcanlist)
-n  with -r, moderators may change texts by mail (DIR/modcanedit)
-h  who joins need not confirm it (DIR/nosubconfirm): then anybody can do that to anybody
-j  the same for leaving (DIR/nounsubconfirm)

Moderators are the subscribers of DIR/mod, as ezmlm-sub(1) makes them. -7, -8 and -9 name another directory of
moderators, whose path begins with a slash, for -m, -s and -r.

What there is besides:
-a  messages are archived (DIR/archived); on unless -A is given
-g  the archive is for subscribers (DIR/subgetonly); -b: for moderators (DIR/modgetonly)
-f  subjects begin with [LOCAL] (DIR/prefix)
-t  messages end with a word about how to leave (DIR/text/trailer)
-C LANGUAGE
    what people are told is in this language: de, en, es, fr, it, ja, nl, pl, pt or sv. As ezmlm-idx has it, this may
    be a path with that name in it, such as /etc/ezmlm/de. It is noted in DIR/ezmlmrc.
-5 OWNER
    mail to the owner goes to this address

-q, -Q and -w, -W are accepted from ezmlm-idx.

DIR can be changed at any time: text/ has what people are told, headeradd and headerremove the fields that are added to
and taken from every message, mailinglist what the Mailing-List field says. DIR/sublist with the address of another list
makes it a part of that one. Without DIR/dmarc no message's From is replaced (see ezmlm-send). DIR/key has 256 random
bits that make confirmations hard to guess.

Exit status: 0; 100 wrong use; 111 it cannot be made, for example because there is one. Then nothing of it is left.
"""

from __future__ import annotations

import os

from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.errors import Permanent, suppress
from qmtwist.rules.lists.languages import LANGUAGES, code_in
from qmtwist.rules.lists.newlist import Plan, check, directories, files, links
from qmtwist.store.lists.make import make

from .common import become_owner, carry_out

_NAME = b"ezmlm-make"
_SECRET_BYTES = 32
_ACCEPTED = b"aAbBfFgGhHjJkKlLmMnNoOpPqQrRsStTuUwWC:5:7:8:9:"
_USAGE = b"[-aAbBfFgGhHjJkKlLmMnNoOpPrRsStTuU] [-C language] [-5 owner] [-789 moddir] dir dot local host"


def main(arguments: list[bytes], home: str) -> int:
    """Make it."""

    def work() -> int:
        options = Options(arguments, _ACCEPTED)
        given = list(options)
        if len(options.rest) != 4:
            raise UsageError(b"")
        plan = _plan(given, options.rest, home)
        check(plan)
        os.umask(0o077)
        with suppress(FileNotFoundError, NotADirectoryError):  # which `make` tells
            become_owner(os.path.dirname(plan.directory.rstrip(b"/")) or b"/")
        make(os.fsdecode(plan.directory), os.fsdecode(options.rest[1]), directories(plan), files(plan), links(plan))
        return 0

    return carry_out(_NAME, _USAGE, work)


def _plan(given: list[tuple[bytes, bytes]], words: list[bytes], home: str) -> Plan:
    """What the command line asks for.

    :raises Permanent: there is no such language.
    """
    directory, _, local, host = words
    letters = b"".join([letter for letter, _ in given])

    def is_on(letter: bytes, usually: bool = False) -> bool:
        on, off = letters.rfind(letter), letters.rfind(letter.upper())
        return usually if on == off else on > off

    values = dict(given)
    return Plan(
        directory=directory,
        local=local,
        host=host,
        programs=os.fsencode(os.path.abspath(home)) + b"/bin",
        secret=os.urandom(_SECRET_BYTES),
        is_archived=is_on(b"a", True),
        is_moderated=is_on(b"m"),
        is_public=is_on(b"p", True),
        switches=bytes([letter for letter in b"bfghjklnorstu" if is_on(bytes([letter]))]),
        arguments=tuple([(digit, value) for digit, value in values.items() if digit.isdigit()]),
        language=_language(values.get(b"C", b"").decode("utf-8", "replace")),
    )


def _language(path: str) -> str:
    """The language that is meant; empty for none.

    :raises Permanent: there is no such one.
    """
    code = code_in(path) if path else ""
    if path and not code:
        raise Permanent(f"there are no texts in {path}, but in: {' '.join(LANGUAGES)}")
    return code

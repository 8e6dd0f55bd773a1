"""ezmlm-make - make a mailing list

    ezmlm-make [-aAbBdDfFgGhHiIjJkKlLmMnNoOpPrRsStTuUwWyY] [-C LANGUAGE] [-0 PARENT] [-5 OWNER] [-7 -8 -9 MODDIR]
        DIR DOT LOCAL HOST [CODE]
    ezmlm-make -e|-+ [SWITCHES] DIR [DOT LOCAL HOST [CODE]]

Makes the list LOCAL@HOST in the new directory DIR, whose path begins with a slash, and the .qmail files that bring it
its mail, as links into DIR. As the user joe, whose addresses are joe-ANYTHING:

    ezmlm-make ~/friends ~/.qmail-friends joe-friends example.org

makes joe-friends@example.org with the .qmail files

    .qmail-friends                 messages to the list
    .qmail-friends-default         joe-friends-subscribe and other commands
    .qmail-friends-return-default  what comes back
    .qmail-friends-owner           mail to the owner, which goes to DIR/Mailbox: change DIR/owner as you like

and with -m -accept-default and -reject-default, with -d -digest-return-default and -digest-owner.

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
-y  authors have to confirm what they write (DIR/confirmpost; see ezmlm-store): no good against spam

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
-d  digests are sent (DIR/digested; see ezmlm-tstdig and ezmlm-get). With the secret CODE a message to
    joe-friends-dig.CODE makes one.
-i  messages are sorted by thread, subject and author (DIR/threaded; see ezmlm-archive)
-w  nobody is warned whose mail comes back (DIR/nowarn): cron does that
-0 PARENT
    the list is a part of the list with this address (DIR/sublist)
-g  the archive is for subscribers (DIR/subgetonly); -b: for moderators (DIR/modgetonly)
-f  subjects begin with [LOCAL] (DIR/prefix)
-t  messages end with a word about how to leave (DIR/text/trailer)
-C LANGUAGE
    what people are told is in this language: de, en, es, fr, it, ja, nl, pl, pt or sv. As ezmlm-idx has it, this may
    be a path with that name in it, such as /etc/ezmlm/de. It is noted in DIR/ezmlmrc.
-5 OWNER
    mail to the owner goes to this address

-q and -Q are accepted from ezmlm-idx.

To change a list:
-e  the list that is there gets the switches that are given, and no others
-+  the same, but switches that are not given stay as they are

The .qmail files editor, manager, bouncer and moderator are written anew; what was in them is kept with .old behind its
name. What people are told, the fields that are added and removed, the owner, subscribers, moderators and the archive
stay; with -C people are told things in the new language, but for the texts that have been changed. With -ee or -++, or
if the list gets another name, all but subscribers, moderators and the archive is written anew. DIR/config says how the
list was made, as ezmlm-idx has it; for a list without it DOT, LOCAL and HOST are given again. The first digest of a
list that has had none begins with the next message.

DIR can be changed at any time: text/ has what people are told, headeradd and headerremove the fields that are added to
and taken from every message, mailinglist what the Mailing-List field says. DIR/sublist with the address of another list
makes it a part of that one. Without DIR/dmarc no message's From is replaced, and without DIR/oneclick nobody leaves by
one click (see ezmlm-send). DIR/key has 256 random bits that make confirmations hard to guess.

Exit status: 0; 100 wrong use; 111 it cannot be made, for example because there is one. Then nothing of it is left.
"""

from __future__ import annotations

import os
import time

from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.errors import Permanent, suppress
from qmtwist.rules.lists.languages import LANGUAGES, code_in
from qmtwist.rules.lists.listconfig import Config
from qmtwist.rules.lists.newlist import Plan, check, directories, files, links
from qmtwist.store.lists.make import make

from .common import become_owner, carry_out, enter

_NAME = b"ezmlm-make"
_SECRET_BYTES = 32
_ACCEPTED = b"aAbBdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUwWyY+C:0:5:7:8:9:"
_USAGE = b"[-+aAbBdDeEfFgGhHiIjJkKlLmMnNoOpPrRsStTuUwWyY] [-C language] [-0 parent] [-5 owner] [-789 moddir]"
_WORDS = b" dir dot local host [code]"
_SWITCHES = b"bdfghijklnorstuwy"
_USUAL = b"ap"


def main(arguments: list[bytes], home: str) -> int:
    """Make it, or change it."""

    def work() -> int:
        options = Options(arguments, _ACCEPTED)
        given = list(options)
        words = options.rest
        is_edit = any(letter in (b"e", b"+") for letter, _ in given)
        if len(words) not in ((1, 4, 5) if is_edit else (4, 5)):
            raise UsageError(b"")
        os.umask(0o077)
        if is_edit:
            return _edit(given, words, home)
        plan = _plan(given, _named(Config(_USUAL), words), words[0], home)
        check(plan)
        with suppress(FileNotFoundError, NotADirectoryError):  # which `make` tells
            become_owner(os.path.dirname(plan.directory.rstrip(b"/")) or b"/")
        make(os.fsdecode(plan.directory), os.fsdecode(plan.dot), directories(plan), files(plan), links(plan))
        return 0

    return carry_out(_NAME, _USAGE + _WORDS, work)


def _edit(given: list[tuple[bytes, bytes]], words: list[bytes], home: str) -> int:
    """Change a list."""
    from qmtwist.agents.lists.editing import edit, known

    directory = words[0]
    enter(directory)
    old = known(os.fsdecode(directory))
    letters = b"".join([letter for letter, _ in given])
    base = old if b"+" in letters else old._replace(letters=_USUAL, arguments=())
    new = _named(base, words)
    if not (new.dot and new.local and new.host):
        raise Permanent("it is not known how this list was made: give dot, local and host as well")
    plan = _plan(given, new, directory, home)
    check(plan)
    is_renamed = (new.local, new.host) != (old.local, old.host)
    edit(plan, letters.count(b"e") + letters.count(b"+") > 1 or is_renamed, b"C" in letters)
    return 0


def _named(config: Config, words: list[bytes]) -> Config:
    """The same list with the names on the command line, if there are some."""
    if len(words) == 1:
        return config
    dot, local, host, *code = words[1:]
    return config._replace(dot=dot, local=local, host=host, code=b"".join(code) or config.code)


def _plan(given: list[tuple[bytes, bytes]], base: Config, directory: bytes, home: str) -> Plan:
    """What the command line asks for, on top of what is so without it.

    :raises Permanent: there is no such language.
    """
    letters = b"".join([letter for letter, _ in given])

    def is_on(letter: bytes) -> bool:
        on, off = letters.rfind(letter), letters.rfind(letter.upper())
        return letter in base.letters if on == off else on > off

    values = dict(given)
    source = values.get(b"C", base.source).decode("utf-8", "replace")
    return Plan(
        directory=directory,
        local=base.local,
        host=base.host,
        programs=os.fsencode(os.path.abspath(home)) + b"/bin",
        secret=os.urandom(_SECRET_BYTES),
        is_archived=is_on(b"a"),
        is_moderated=is_on(b"m"),
        is_public=is_on(b"p"),
        switches=bytes([letter for letter in _SWITCHES if is_on(bytes([letter]))]),
        arguments=tuple({**dict(base.arguments), **{key: value for key, value in given if key.isdigit()}}.items()),
        language=_language(source) if b"C" in values else code_in(source),
        dot=base.dot,
        code=base.code,
        now=int(time.time()),
    )


def _language(path: str) -> str:
    """The language that is meant; empty for none.

    :raises Permanent: there is no such one.
    """
    code = code_in(path) if path else ""
    if path and not code:
        raise Permanent(f"there are no texts in {path}, but in: {' '.join(LANGUAGES)}")
    return code

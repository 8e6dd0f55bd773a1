"""vacation - answer messages for somebody who is away

    |vacation [-djz] [-a ALIAS]... [-c COPY] [-f FILE] [-m FILE] [-s SENDER] [-t PERIOD] LOGIN
    |preline vacation LOGIN
    vacation -i [-f FILE] [-t PERIOD]
    vacation -l [-f FILE]
    vacation -x [-f FILE] <ADDRESSES

In a .qmail file: answers a message to LOGIN once. The line belongs above the one that delivers the message: if the
answer cannot be sent now, the delivery is tried again from the first line.

By hand: -i (or -I) forgets who has been answered and sets the period; -l lists who has been, and when; -x reads
addresses, one in a line, that get no answer until the next -i, and `@HOST` is everybody at that host.

Whoever has written gets one answer in a period, as an answer to that message: its subject after `Auto:`,
Auto-Submitted: auto-replied, and the null envelope sender. No answer gets a bounce or another automatic answer (null
sender, Auto-Submitted, a report), a mailing list or bulk mail (List- fields, Mailing-List, Precedence bulk, list or
junk, the senders of lists and programs), what is marked as spam or asks for none (X-Auto-Response-Suppress), the
owner, and a message that names none of the owner's addresses in To, Cc, Bcc or their Resent- forms. These are LOGIN
at every host, the address of this delivery, and every -a.

    -a ALIAS    another name of the owner: an address, or a name for every host
    -c COPY     send each answer to this address, too
    -j          answer although no field names the owner
    -t PERIOD   days between two answers to the same sender; with s, m, h, d or w behind the number so many seconds,
                minutes, hours, days or weeks; or `infinite`. Default: what -i has set, else 7 days. -r is the same
    -m FILE     the answer, instead of .vacation.msg
    -f FILE     who has been answered, instead of .vacation.seen
    -s SENDER   answer this address
    -z          use the null envelope sender; this is always done
    -d          say on standard error why a message gets no answer

Files, in the owner's home $HOME:

.vacation.msg is the answer. It may begin with a header, as in `Subject: away (Re: $SUBJECT)`, and an empty line;
From, too, may be there. $SUBJECT is replaced with the subject of the message. Without the file a short text is sent.

.vacation.seen holds the time and the address of each answer, a line each. At most 100,000 senders are answered in a
period.

Environment: HOME; SENDER and RECIPIENT, from qmail-local. Without SENDER the Return-Path or From_ line in front of the
message gives the sender. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 answered, or not to be answered; 100 for a wrong call, or if the answer is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.cli.chain import fatal, say
from qmtwist.cli.options import Options, UsageError
from qmtwist.mail.address import is_sendable
from qmtwist.mail.errors import MailError, Permanent
from qmtwist.mail.shapes import NamedTuple

NAME = b"vacation"
_BY_HAND = (b"i", b"l", b"x")


class _Call(NamedTuple):
    """The command line: the last value of each option, every alias, and the words that are no options."""

    values: dict[bytes, bytes]
    aliases: tuple[bytes, ...]
    words: tuple[bytes, ...]


def main(arguments: list[bytes], home: str) -> int:
    """Answer, or begin anew."""
    from qmtwist.rules.vacation import PERIOD_S, period

    try:
        call = _read(arguments)
    except UsageError as error:
        say(NAME + b": " + error.complaint)
        return _usage()
    asked = call.values.get(b"t")
    period_s = None if asked is None else period(asked)
    is_by_hand = bool(call.values.keys() & set(_BY_HAND))
    if (asked is not None and period_s is None) or len(call.words) > 1 or not (call.words or is_by_hand):
        return _usage()
    if not is_sendable(call.values.get(b"c", b"")):
        return fatal(NAME, b"no mail can be sent to " + call.values[b"c"], status=100)
    place = os.environb.get(b"HOME") or _home_of(call.words)
    try:
        os.chdir(place)
        if is_by_hand:
            _maintain(call, PERIOD_S if period_s is None else period_s)
            return 0
    except OSError as error:
        return fatal(NAME, b"unable to use " + place, error)
    return _respond(call, period_s, home)


def _maintain(call: _Call, period_s: int) -> None:
    """:raises OSError: the file cannot be used, or the addresses cannot be read."""
    from qmtwist.mail.date import rfc822
    from qmtwist.store.answered import Answered
    from qmtwist.store.durable import write_all

    answered = Answered(_path(call, b"f", ".vacation.seen"))
    if b"i" in call.values:
        answered.clear(period_s)
    if b"x" in call.values:
        answered.exclude([line.strip() for line in _stdin().split(b"\n") if line.strip()])
    if b"l" in call.values:
        lines = [b"%s %s\n" % (who, b"never" if at is None else rfc822(at)) for who, at in answered.entries()]
        write_all(1, b"".join(lines))


def _stdin() -> bytes:
    pieces = []
    while piece := os.read(0, 65536):
        pieces.append(piece)
    return b"".join(pieces)


def _read(arguments: list[bytes]) -> _Call:
    """Options may stand behind the login name, as GNU's getopt has it.

    :raises UsageError: an option that is not ours, or without its value.
    """
    options = Options(arguments, b"a:c:df:iIjlm:r:s:t:xz")
    values: dict[bytes, bytes] = {}
    aliases: list[bytes] = []
    words: list[bytes] = []
    while True:
        for letter, value in options:
            if letter == b"a":
                aliases.append(value)
            values[{b"I": b"i", b"r": b"t"}.get(letter, letter)] = value
        if not options.rest:
            return _Call(values, tuple(aliases), tuple(words))
        words.append(options.rest.pop(0))


def _respond(call: _Call, period_s: int | None, home: str) -> int:
    from qmtwist.agents.filter.vacation import Absence, respond
    from qmtwist.control.grammar import read_line
    from qmtwist.rules.vacation import Owner

    login = call.words[0]
    recipient = os.environb.get(b"RECIPIENT")
    if recipient is not None and not is_sendable(recipient):  # a line end in it would begin lines of the answer
        recipient = None
    names = (login, *call.aliases, *([recipient] if recipient else []))
    absence = Absence(
        owner=Owner(names, b"j" in call.values),
        address=recipient or login + b"@" + (read_line(home, "me") or b"localhost"),
        message_path=_path(call, b"m", ".vacation.msg"),
        answered_path=_path(call, b"f", ".vacation.seen"),
        period_s=period_s,
        sender=call.values.get(b"s", os.environb.get(b"SENDER")),
        copy=call.values.get(b"c"),
    )
    try:
        why_not = respond(absence, home, int(time.time()))
    except MailError as error:
        return fatal(NAME, os.fsencode(error.text), status=100 if isinstance(error, Permanent) else 111)
    if why_not and b"d" in call.values:
        say(b"vacation: no answer: " + why_not.encode())
    return 0


def _path(call: _Call, letter: bytes, usual: str) -> str:
    return os.fsdecode(call.values.get(letter, usual.encode()))


def _home_of(words: tuple[bytes, ...]) -> bytes:
    """The home of an account; without one, where we are."""
    import pwd

    try:
        entry = pwd.getpwnam(os.fsdecode(words[0])) if words else pwd.getpwuid(os.getuid())
    except KeyError:
        return b"."
    return os.fsencode(entry.pw_dir)


def _usage() -> int:
    say(b"vacation: usage: vacation [ -djz ] [ -a alias ] [ -c copy ] [ -fm file ] [ -s sender ] [ -t period ] login")
    return 100

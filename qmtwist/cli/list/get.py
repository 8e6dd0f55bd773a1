"""ezmlm-get - send messages of a mailing list's archive to those who ask for them, and digests

    |ezmlm-get [-bBcCpPsS] [-f FORM] DIR [CODE]
    ezmlm-get [-f FORM] DIR

In the .qmail-LIST-default file of a list, above ezmlm-manage: answers the commands for the archive and stops the
delivery then. Everything else is left to the lines below.

    LIST-get.123        message 123, quoted
    LIST-get.123_130    messages 123 to 130: 100 messages or 4 megabytes at most
    LIST-get            those since the last digest, and its last one; without digests the last 30
    LIST-thread.123     those with the subject of message 123, 2000 messages before and behind it
    LIST-index          the subjects and authors of the latest messages, in hundreds
    LIST-index.123      the same around message 123
    LIST-index.123_456  the same for all of these, 2000 at most
    LIST-dig.CODE       sends a digest, as below; LIST-digest is LIST-get

It does what ezmlm-return(1) does with digests that come back, for lists without a file of their own for them.

The answer goes to the sender. Many messages go to subscribers of the list, of its digest or of DIR/allow only. A letter
behind the word, as in LIST-getr.123_130, says how they look:

    m   a MIME digest with a table of contents, by subject, with some fields of every header (without a letter)
    x   the same as multipart/mixed, for mail programs that show it better
    r   one text without parts, as RFC 1153 has it
    v   as m, with whole headers
    n   as v, in their order, without a table

In the .qmail-LIST file of a list, behind ezmlm-tstdig(1), and from the command line or cron (without LOCAL) it sends a
digest: what has been posted since the last one, in one letter with one entry in the queue, to the subscribers of
DIR/digest. If nobody is there nothing is sent, and nobody who comes later gets it. The body of a message to
LIST-dig.CODE, as far as a line that begins with a dash, is put into the digest; CODE is the secret in DIR/digestcode,
or on the command line. A list that has had no digest begins with its last 100 messages.

A digest goes to an address of the list as well, LIST-digest-return-receipt-..., by which it is known to be sent. If
this program is killed before it could say so, the next one waits for that for an hour before it sends the digest again.

-f FORM: how many messages look that nobody has said anything else about, in the place of DIR/digformat.
-s: the archive is for subscribers only, as with DIR/subgetonly; -S: it is not.
-P: it is for moderators only, who are those of DIR/modsub or DIR/remote, or DIR/mod; as without DIR/public or with
DIR/modgetonly. -p: it is not.
-B: answers end without a word about what the list can do, and without the request, as with DIR/omitbottom; -b: they do
not.
-C: nobody gets anything but digests; -c: they do (as without).

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Files: DIR/dignum has the last message of the last digest, DIR/digissue its number, DIR/digheaders the names of the
fields that are shown, DIR/text/digest what every digest says, DIR/digsending a digest whose receipt is waited for.

Exit status: 0 it is another command, or a digest is sent; 99 it is done; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.cli.chain import say
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists.address import behind
from qmtwist.rules.lists.digest import form_of
from qmtwist.rules.lists.heading import refuse_bounce
from qmtwist.rules.lists.wanted import Wanted, parse, triggered
from qmtwist.store.lists.directory import ListDirectory

from .common import Line, carry_out, enter, take, variable

_NAME = b"ezmlm-get"


class _Order(NamedTuple):
    """What was asked for: `action` is empty for a digest that nobody asked for by mail."""

    home: str
    action: bytes
    form: bytes
    code: bytes
    now: int


def main(arguments: list[bytes], home: str) -> int:
    """Answer, or make a digest, and say under which number it is queued."""

    def work() -> int:
        line = take(arguments, b"bBcCpPsSf:")
        enter(line.words[0])
        place = ListDirectory(os.curdir)
        local = os.environb.get(b"LOCAL", b"")
        is_editor = not local or local.lower() == place.line("inlocal").lower()
        form = line.values.get(b"f", b"")
        code = line.words[1] if len(line.words) > 1 else place.optional_line("digestcode")
        action = b"" if is_editor else behind(place.line("inlocal"), local)
        order = _Order(home, action, form and form_of(form), code, int(time.time()))
        return _digest(order, order.form) if is_editor else _serve(order, line)

    return carry_out(_NAME, b"[-bBcCpPsS] [-f form] dir [code]", work)


def _serve(order: _Order, line: Line) -> int:
    """Do what a message asks for."""
    sender = variable(b"SENDER")
    form = triggered(order.action, order.code)
    if form is not None:
        refuse_bounce(sender)
        return _digest(order, form or order.form) or 99
    if order.action.lower().startswith(b"digest-return-"):
        from qmtwist.agents.lists.returned import Arrival, take_back

        take_back(os.curdir, Arrival(sender, variable(b"LOCAL"), order.now))
        return 99
    wanted = parse(order.action)
    if wanted is None:
        return 0
    number = None if _wish(line, b"c", b"C") is False else _retrieve(order, line, sender, wanted)
    say(b"ezmlm-get: info: " + (b"not answered" if number is None else b"qp %d" % number))
    return 99


def _retrieve(order: _Order, line: Line, sender: bytes, wanted: Wanted) -> int | None:
    from qmtwist.agents.lists.retrieve import Asking, Terms, retrieve

    terms = Terms(order.form, _wish(line, b"p", b"P"), _wish(line, b"s", b"S"), _wish(line, b"b", b"B"))
    return retrieve(order.home, os.curdir, Asking(sender, order.now), wanted, terms)


def _digest(order: _Order, form: bytes) -> int:
    from qmtwist.agents.lists.digest import Wish, remark, send_digests

    sent = send_digests(order.home, os.curdir, order.now, Wish(form, remark() if order.action else b""))
    for number in sent:
        say(b"ezmlm-get: info: qp %d" % number)
    if not sent:
        say(b"ezmlm-get: info: nothing to digest")
    return 0


def _wish(line: Line, yes: bytes, no: bytes) -> bool | None:
    """Which of two options was given; of both the last one counts."""
    given = [letter for letter in line.values if letter in (yes, no)]
    return given[-1] == yes if given else None

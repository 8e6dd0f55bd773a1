"""ezmlm-manage - answer what people ask a mailing list for

    |ezmlm-manage [-cCdDeElLmMnNqQsSuUbB] DIR

In the .qmail-LIST-default file of a list: does what the address of a message asks for, and answers.

    LIST-subscribe, LIST-unsubscribe
        asks whoever is to join or leave to confirm it: that is the sender, or mary@host.example if the address is
        LIST-subscribe-mary=host.example. Nothing changes before they do.
    LIST-sc.TIME.COOKIE-..., LIST-uc.TIME.COOKIE-...
        the confirmation, by an answer to that message within eleven days. What was done is written into DIR/Log.
    LIST-uo.NUMBER.COOKIE-mary=host.example
        takes mary@host.example off the list at once: the button of her copy of message NUMBER was pressed.
    LIST-query
        says whether the address is on the list.
    LIST-get.123
        sends message 123 of the archive to the sender.
    LIST-get.123_130, LIST-index, LIST-index.123
        sends several messages to the sender, if that is a subscriber, and what there is: see ezmlm-get(1).
    LIST-info, LIST-faq, LIST-help
        sends one of the texts to the sender.
    LIST-request
        does what the subject says, such as subscribe or get 12: see ezmlm-request(1).

Anything else gets the help as well, if the sender is a subscriber and has not had it today; otherwise nothing is sent.
What somebody else asks for, such as a confirmation, is sent once an hour to each address. What has been sent is kept in
DIR/answered.

Bounces, messages of lists and messages that have been here are refused. Without DIR/public everything is but the help,
and what moderators want.

Moderators are the addresses of DIR/mod, as ezmlm-sub(1) puts them there, or of the directory that the file DIR/modsub
or DIR/remote names.

DIR/modsub
    who joins needs a moderator: after they have confirmed it all moderators get a message, and the first answer counts.
    A moderator who does not agree does nothing. With -m this is so for leaving, too.
DIR/remote
    moderators join and leave for others: who writes LIST-subscribe-mary=host.example from a moderator's address
    confirms it themselves. Mary hears of it, but not who it was.
DIR/modcanlist or -l
    LIST-list sends the subscribers to a moderator, LIST-listn their number. With DIR/remote LIST-log sends who came and
    went, and LIST-log.mary the lines with this word, in which _ is any character.
DIR/modcanedit or -e (-d)
    with DIR/remote LIST-edit sends a moderator the names of the texts, LIST-edit.sub_ok the text in DIR/text/sub-ok.
    An answer to that replaces it: by the plain text of the message, from the line %%% START OF TEXT FILE to the line
    %%% END OF TEXT FILE, 10,240 bytes at most. The address is good for a day, and until the text changes.

What is for moderators is sent to the address that the list has, whoever asks. With LIST-allow- or LIST-deny- in the
place of LIST- the commands about addresses are for DIR/allow, who may write without being subscribers, and DIR/deny,
who may not write, which only moderators change and only with DIR/remote; with LIST-digest- they are for the digest. An
address that has come to DIR/allow or DIR/deny hears nothing of that; LIST-deny-query-... tells.

-C: messages of the archive are not sent. -S, DIR/nosubconfirm: who joins is not asked to confirm it, so anybody can do
it to anybody. -U, DIR/nounsubconfirm: the same for leaving. -N: nobody hears what moderators did with their
subscription. -Q: DIR's owner gets a copy when somebody wanted to leave who was not there, with -QQ of all changes. -B,
DIR/omitbottom: answers end without a word about what the list can do, and without the request. The same letter in
the other case takes an option back; the last one counts. -a, -A, -f and -F are accepted.

The answers are made of the files in DIR/text, in which a line that begins with !R or !A is replaced by the address that
confirms and the subscriber's. Files that are not there are as those of a new list, in the language that the file
DIR/ezmlmrc names (see ezmlm-make(1)). A line NAME:TEXT of DIR/text/messages replaces a subject, such as SUB_WELCOME.

Environment: SENDER and LOCAL, from qmail-local. QMAILQUEUE names a program to run in place of qmail-queue.

Exit status: 0 it is done; 100 it is refused; 111 try again later.
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.lists.manage import manage
from qmtwist.agents.lists.saying import Request
from qmtwist.agents.lists.wishes import OPTIONS, wishes
from qmtwist.cli.chain import say
from qmtwist.cli.options import Options, UsageError
from qmtwist.store.lists.directory import ListDirectory

from .common import carry_out, enter, variable

_NAME = b"ezmlm-manage"


def main(arguments: list[bytes], home: str) -> int:
    """Do it, and say under which number the answer is queued."""

    def work() -> int:
        options = Options(arguments, OPTIONS)
        letters = b"".join([letter for letter, _ in options])
        if not options.rest:
            raise UsageError(b"")
        request = Request(variable(b"SENDER"), variable(b"LOCAL"), int(time.time()))
        enter(options.rest[0])
        number = manage(home, os.curdir, request, wishes=wishes(ListDirectory(os.curdir), letters))
        say(b"ezmlm-manage: info: " + (b"not answered" if number is None else b"qp %d" % number))
        return 0

    return carry_out(_NAME, b"[-bBcCdDeElLmMnNqQsSuU] dir", work)

"""Leaving a list by one click: the mark of a posting, and what is done when somebody has clicked. (RFC 8058)

A list offers it if it has a file `oneclick`, which holds its secret; one that is empty gets one. (rules/lists/oneclick)
"""

from __future__ import annotations

import os

from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Malformed, suppress
from qmtwist.rules.lists import answer
from qmtwist.rules.lists.oneclick import SECRET_BYTES, Click, is_valid, mark, without_unsubscribe
from qmtwist.rules.lists.posting import Dress
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import give_up, rewrite
from qmtwist.store.lists.subscribers import Subscribers

from .incoming import Incoming
from .queueing import accepted, begin

_FILE = "oneclick"


def marked(place: ListDirectory, submission: Submission, clothes: Dress, number: int) -> tuple[bytes, Dress]:
    """The mark of a posting, and how the list dresses it then. Hold the list's lock.

    Only a message that goes to a server of ours gets a mark: others would pass it on as it is.

    :raises Temporary: the secret can neither be read nor made.
    """
    found = mark_of(place, submission, number)
    return found, clothes._replace(add=without_unsubscribe(clothes.add)) if found else clothes


def mark_of(place: ListDirectory, submission: Submission, number: int, part: bytes = b"") -> bytes:
    """The same for a posting, or a digest, that has no List-Unsubscribe then; empty if it gets no mark.

    :raises Temporary: the secret can neither be read nor made.
    """
    if not submission.is_handed or not place.has("public"):
        return b""
    secret = place.read(_FILE)
    return b"" if secret is None else mark(secret.strip() or _make_secret(place), number, part)


def leave(home: str, place: ListDirectory, click: Click, sender: bytes, now: int) -> int | None:
    """Take somebody off the list who has clicked; the number behind `qp` of the letter that tells them.

    None: there is no letter, because nobody has made that link, or because they have gone already, or because it cannot
    be queued, which is no reason to say that nothing has been done.

    :raises Temporary: they are still on the list.
    """
    part = click.part.decode()
    people = Subscribers(f"{place.path}/{part}" if part else place.path)
    if not is_valid(click, place.read(_FILE) or b"", place.number().last):
        return None
    with suppress(Malformed):
        gone = people.remove([click.target])
        people.note(b"-oneclick", gone, now)
        if gone and is_sendable(click.target):
            with suppress(MailError):
                return _tell(home, place, click, sender, now)
    return None


def _tell(home: str, place: ListDirectory, click: Click, sender: bytes, now: int) -> int:
    """:raises MailError: it is not queued."""
    target, main = click.target, place.line("outlocal")
    local = main + (b"-" + click.part if click.part else b"")
    of = answer.List(local, place.line("outhost"), place.line("mailinglist"), main)
    text = of.fill(place.text("top")) + answer.fill(of, place.text("unsub-ok"), target, b"")
    text += of.fill(place.text("bottom"))
    with begin(home) as submission:
        incoming = Incoming()
        letter = answer.Letter(target, of.fill(place.phrase("SUB_GOODBYE")), now, os.getpid())
        submission.write(answer.head(of, letter, incoming.fields, text) + text)
        limit = answer.OTHER_REQUEST_BYTES
        submission.write(answer.request_copy(sender, incoming.whole(limit), limit))
        return accepted(submission.finish(Envelope(main + b"-return-@" + of.host, (target,))))


def _make_secret(place: ListDirectory) -> bytes:
    """:raises Temporary: the disk refuses."""
    path = f"{place.path}/{_FILE}"
    secret = os.urandom(SECRET_BYTES).hex().encode()
    try:
        os.chmod(path, 0o600)
        rewrite(path, path + ".new", secret + b"\n")
    except OSError as error:
        give_up(f"unable to write {_FILE}", error)
    return secret

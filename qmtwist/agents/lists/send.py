"""Send the message on descriptor 0 to a list's subscribers: one queue entry, whatever their number. (ezmlm-send)"""

from __future__ import annotations

from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError
from qmtwist.mail.shapes import Iterable
from qmtwist.rules.lists.answer import List
from qmtwist.rules.lists.heading import refuse_bounce, refuse_loop, refuse_stranger
from qmtwist.rules.lists.posting import Dress, Posting, dress, envelope_sender
from qmtwist.store.lists.archive import Keeping
from qmtwist.store.lists.directory import ListDirectory, Number
from qmtwist.store.lists.files import Lock
from qmtwist.store.lists.subscribers import Subscribers

from .incoming import Incoming
from .oneclick import marked
from .queueing import accepted, begin


def send(home: str, directory: str, sender: bytes | None) -> int:
    """Number, keep and queue the message; the number behind `qp`.

    The message is in the archive before it is queued, and its number is used up; if it cannot be queued after all,
    the number is put back. So no subscriber gets a message twice that the queue has taken once, and no number twice.

    :raises Permanent: it is not for this list.
    :raises Temporary: not now.
    """
    refuse_bounce(sender)
    place = ListDirectory(directory)
    incoming = Incoming()
    is_hidden = _must_hide(home, place, incoming)  # before the lock: it may take its time
    with Lock(f"{directory}/lock"):
        clothes, parent = _clothes(place)
        number = place.number()
        with begin(home) as submission:
            refuse_loop(incoming.fields, clothes.mark, bool(parent))
            if parent:
                refuse_stranger(sender, parent)
            mark, clothes = marked(place, submission, clothes.numbered(number.last + 1), number.last + 1)
            posting = dress(incoming.fields, sender or b"", clothes, is_hidden and not parent)
            posting = posting._replace(sent=mark + posting.sent)
            return _post(place, submission, incoming, clothes, posting, number)


def _must_hide(home: str, place: ListDirectory, incoming: Incoming) -> bool:
    """Whether the message arrives only in the name of the list; a list without `dmarc` does not care."""
    if not place.has("dmarc"):
        return False
    from .author import must_hide

    return must_hide(home, incoming.fields, place.line("outhost"))


def _clothes(place: ListDirectory) -> tuple[Dress, bytes]:
    """How the list dresses its messages, and the parent of a sublist."""
    parent = place.optional_line("sublist")
    of = List(place.line("outlocal"), place.line("outhost"), b"")
    clothes = Dress(
        local=of.local,
        host=of.host,
        mailinglist=b"" if parent else place.line("mailinglist"),
        add=b"".join([line + b"\n" for line in of.fill(place.read("headeradd") or b"").split(b"\n") if line.strip()]),
        remove=frozenset([line.lower() for line in place.lines("headerremove")]),
        prefix=place.optional_line("prefix"),
        trailer=of.fill(place.text("trailer")) if place.has("text/trailer") else b"",
    )
    return clothes, parent


def _post(
    place: ListDirectory, submission: Submission, incoming: Incoming, clothes: Dress, posting: Posting, old: Number
) -> int:
    """Keep and queue it under the next number."""
    last = old.last + 1
    keeping = Keeping(place.path, last) if place.has("archived") else None
    try:
        submission.write(posting.sent)
        if keeping:
            keeping.write(posting.kept)
        size = _copy(incoming.rest(), submission, keeping)
        submission.write(posting.trailer)
        if keeping:
            keeping.complete()
            if place.has("indexed"):
                from qmtwist.rules.lists.entries import index_entry

                keeping.note(index_entry(last, incoming.fields, clothes.prefix))
        place.set_number(Number(last, old.size + (size + 128 >> 8)))
        try:
            recipients = tuple(Subscribers(place.path))
            result = submission.finish(Envelope(envelope_sender(clothes.local, clothes.host, last), recipients))
            return accepted(result)
        except MailError:
            place.set_number(old)
            raise
    except MailError:
        if keeping:
            keeping.undo()
        raise
    finally:
        if keeping:
            keeping.close()


def _copy(pieces: Iterable[bytes], submission: Submission, keeping: Keeping | None) -> int:
    """Write what follows the header, which is the empty line and the body; the size of the body."""
    size = last = 0
    for piece in pieces:
        size += len(piece)
        last = piece[-1]
        submission.write(piece)
        if keeping:
            keeping.write(piece)
    if not size or last != 10:
        end = b"\n"
        submission.write(end)
        if keeping:
            keeping.write(end)
    return max(size - 1, 0)

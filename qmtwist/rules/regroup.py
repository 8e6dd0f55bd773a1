"""A header in the order of mess822: fields of one name merged, names and dates in one form, hosts rewritten.

First come the fields of the message's way here, then Date, Message-ID, From, Sender and so on, then all others in
their order. Address fields are read tolerantly: nothing is refused because of what it says, only because of its size.
"""

from __future__ import annotations

from qmtwist.mail.address import is_sendable
from qmtwist.mail.addresstokens import LIMIT_TOKENS, TooLong
from qmtwist.mail.date import civil
from qmtwist.mail.datetext import Moment, parse
from qmtwist.mail.encodedword import encoded_words, must_be_encoded
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterable
from qmtwist.mail.tolerant import Member, format_members, read_members, unfolded

from .completion import Unparsable, one_line
from .rewrite import Rules

LIMIT_RECIPIENTS = 1_000_000
_SHOWN_BYTES = 2000  # of what is refused
_VISIBLE = bytes(63 if byte < 32 or byte == 127 else byte for byte in range(256))

_RESENT = (b"sender", b"from", b"reply-to", b"to", b"cc", b"bcc", b"date", b"message-id")
_WAY = frozenset((b"received", b"delivered-to", b"errors-to", b"return-receipt-to", *[b"resent-" + x for x in _RESENT]))
# In the order in which they are written.
_LISTS = {
    b"from": b"From",
    b"sender": b"Sender",
    b"reply-to": b"Reply-To",
    b"mail-reply-to": b"Mail-Reply-To",
    b"mail-followup-to": b"Mail-Followup-To",
    b"to": b"To",
    b"cc": b"Cc",
    b"notice-requested-upon-delivery-to": b"Notice-Requested-Upon-Delivery-To",
}
_SAME = {b"apparently-to": b"bcc"}
_NO_LIST = b"Cc: recipient list not shown: ;\n"


class Regrouping:
    """One header; `lists` and `others` may be changed before it is `written`. Made for a message, used once.

    `lists` are the address fields of ours, `others` those of the names that the maker asked for; neither is written
    if it is empty. Fields of the names in `removed` are forgotten.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        rules: Rules,
        others: frozenset[bytes] = frozenset(),
        removed: frozenset[bytes] = frozenset(),
        limit_tokens: int = LIMIT_TOKENS,
    ) -> None:
        """:raises Unparsable: a field is too long."""
        self._rules = rules
        self._limit_tokens = limit_tokens  # of one field
        self._way: list[bytes] = []
        self._rest: list[bytes] = []
        self._id: list[bytes] = []
        self._date: Moment | None = None
        self.lists: dict[bytes, list[Member]] = {name: [] for name in _LISTS}
        self.others: dict[bytes, list[Member]] = {name: [] for name in others}  # Apparently-To is Bcc
        self.seen: set[bytes] = set()
        for field in fields:
            if field.name not in removed:
                self._take(field)

    def _take(self, field: Field) -> None:
        name = _SAME.get(field.name, field.name)
        self.seen.add(name)
        if name in self.lists:
            self.lists[name] += self._members(field)
        elif name in self.others:
            self.others[name] += self._members(field)
        elif name == b"date":
            self._date = parse(unfolded(field))
        elif name == b"message-id":
            self._id.append(field.raw)
        elif name in _WAY:
            self._way.append(field.raw)
        else:
            self._rest.append(field.raw)

    def _members(self, field: Field) -> list[Member]:
        try:
            return [self._rules.member(member) for member in read_members(unfolded(field), self._limit_tokens)]
        except TooLong as error:
            raise Unparsable(b"too many words in the field %s (#5.1.3)\n" % field.name[:60]) from error

    def written(self, now: int, author: Member, id_end: bytes) -> bytes:
        """The header. `now` in POSIX seconds is for a message without a date that can be understood, `author` for one
        without From; `id_end` is what follows the date in a Message-ID.
        """
        moment = self._date or Moment(*civil(now), 0, False)
        made = [*self._way, b"Date: ", moment.header, b"\n", *(self._id or [_message_id(moment, id_end)])]
        for name, shown in _LISTS.items():
            if name == b"to" and not (self.lists[b"to"] or self.lists[b"cc"]):
                made.append(_NO_LIST)
            members = self.lists[name] or ([author] if name == b"from" else [])
            if members:
                made.append(format_members(shown + b": ", members))
        return b"".join(made + self._rest)

    @property
    def has_id(self) -> bool:
        """Whether there was a Message-ID."""
        return bool(self._id)

    def forget_id(self) -> None:
        """Write a Message-ID of ours."""
        self._id = []


def _message_id(moment: Moment, end: bytes) -> bytes:
    """In the date's own time: readers of the name may compare the two."""
    return b"Message-ID: <%d%02d%02d%02d%02d%02d%s>\n" % (*moment[:6], end)


def id_end(counter: int, pid: int, chance: int, idhost: bytes) -> bytes:
    """`.PID.qmail@host`, or `.COUNTER.PID.qmail@host` if the counter is not 0. `chance` is a random number of 64 bits.

    >>> id_end(0, 7, 5, b"host")
    b'.700000000000000000005.qmail@host'
    """
    before = b".%d" % counter if counter else b""
    # the chance is glued to the pid: a date that was given and a pid that was used again would make the same name
    return b"%s.%d%020d.qmail@%s" % (before, pid, chance, one_line(idhost))


def display_name(text: bytes | None) -> bytes:
    """A name from outside the message, for a header; empty for none."""
    name = one_line(text or b"")
    return b" ".join(encoded_words(name)) if must_be_encoded(name) else name


def sendable(address: bytes) -> bytes:
    """The address, which an envelope and SMTP can name.

    :raises Unparsable: they cannot.
    """
    if not is_sendable(address):
        shown = address[:_SHOWN_BYTES].translate(_VISIBLE)
        raise Unparsable(b"address too long or with a character that cannot be sent: %s (#5.1.3)\n" % shown)
    return address

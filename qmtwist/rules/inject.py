"""What injection makes of a message: sender, recipients, and a complete header. (qmail-inject(8), qmail-header(5))"""

from __future__ import annotations

from qmtwist.mail.address import needs_quoting, quote
from qmtwist.mail.addresslist import (
    AT,
    ATOM,
    COLON,
    COMMENT,
    DOT,
    LEFT,
    LITERAL,
    QUOTED,
    RIGHT,
    Rewrite,
    Token,
    format_tokens,
    rewrite_list,
    tokenize,
    unquote,
)
from qmtwist.mail.date import civil, rfc822
from qmtwist.mail.errors import Malformed, Permanent
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import NamedTuple

# Who gets it: the arguments, the header, arguments and then header, or arguments if there are any.
ARGUMENTS, HEADER, BOTH, EITHER = b"a", b"h", b"H", b"A"

_LISTS = frozenset((b"to", b"cc"))
_RECIPIENTS = _LISTS | {b"bcc", b"apparently-to"}
_RESENT_RECIPIENTS = frozenset((b"resent-to", b"resent-cc", b"resent-bcc"))
_SENDERS = frozenset(
    (
        b"sender",
        b"from",
        b"reply-to",
        b"return-receipt-to",
        b"errors-to",
        b"resent-sender",
        b"resent-from",
        b"resent-reply-to",
    )
)
_RESENT = _RESENT_RECIPIENTS | {
    b"resent-sender",
    b"resent-from",
    b"resent-reply-to",
    b"resent-date",
    b"resent-message-id",
}
_REMOVED = frozenset((b"bcc", b"resent-bcc", b"return-path", b"content-length"))
_DROPPED_BY = {b"from": b"f", b"message-id": b"i", b"return-path": b"s"}
_NO_LINE_ENDS = bytes(32 if byte in b"\r\n" else byte for byte in range(256))
_NO_LIST = b"Cc: recipient list not shown: ;\n"


class Unparsable(Permanent):
    """A line or an address that must be understood is not; `complaint` is for the caller, as bytes."""

    def __init__(self, complaint: bytes) -> None:
        super().__init__(complaint.decode("latin-1"), "5.1.3")
        self.complaint = complaint


class Hosts(NamedTuple):
    """The four names that complete addresses and message ids, from control files or the environment."""

    defaulthost: bytes
    defaultdomain: bytes
    plusdomain: bytes
    idhost: bytes


class Person(NamedTuple):
    """Who submits, as the environment tells: the default From, and the default envelope sender."""

    user: bytes
    host: bytes | None
    name: bytes | None
    sender_user: bytes
    sender_host: bytes | None


class Submission(NamedTuple):
    """How a message is handed in."""

    arguments: tuple[bytes, ...]
    strategy: bytes  # ARGUMENTS, HEADER, BOTH or EITHER
    sender: bytes | None  # as given with -f
    letters: bytes  # of QMAILINJECT
    lists: frozenset[bytes]  # of QMAILMFTFILE: addresses in lower case
    now: int  # POSIX seconds
    pid: int


class Completed(NamedTuple):
    """What is to be queued; addresses are cut at a NUL, which no envelope can hold."""

    sender: bytes
    recipients: tuple[bytes, ...]
    header: bytes


class Rewriter:
    """Completes addresses: defaulthost, defaultdomain, plusdomain; source routes are dropped."""

    def __init__(self, hosts: Hosts) -> None:
        """:raises Unparsable: one of the hosts is no host."""
        self._defaulthost = _tokens(b"@" + hosts.defaulthost)
        self._defaultdomain = _tokens(b"." + hosts.defaultdomain)
        self._plusdomain = _tokens(b"." + hosts.plusdomain)

    def rewrite(self, address: list[Token]) -> list[Token]:
        """One address, its tokens in reading order. Case is never changed, an empty address stays empty."""
        if not address or (address[-1] == (LITERAL, b"") and address[-2:-1] == [(AT, b"")]):
            return address
        if address[0].kind == AT:
            colon = next((at for at, token in enumerate(address) if token.kind == COLON), len(address))
            address = address[colon + 1 :]
        for ending in (DOT, AT):
            if address and address[-1].kind == ending:
                address = address[:-1]
        return self._completed(address) if address else address

    def _completed(self, address: list[Token]) -> list[Token]:
        if all(token.kind != AT for token in address):
            address = address + self._defaulthost
        last = address[-1]
        if last.kind == ATOM and last.text[-1:] == b"+":
            address = [*address[:-1], Token(ATOM, last.text[:-1]), *self._plusdomain]
        at = max((place for place, token in enumerate(address) if token.kind == AT), default=-1)
        if any(token.kind in (DOT, LITERAL) for token in address[at + 1 :]):
            return address
        return address + self._defaultdomain

    def plain(self, text: bytes) -> bytes:
        """An address given outside a header: everything before its last `@` is the local part, whatever it holds.

        :raises Unparsable: the host is no host.
        """
        return unquote(self.rewrite(_tokens(quote(text))))


def complete(fields: list[Field], hosts: Hosts, person: Person, submission: Submission) -> Completed:
    """The finished submission.

    :raises Unparsable: an address field that tells of senders, an argument or a host cannot be understood.
    """
    return _Completion(hosts, person, submission).complete(fields)


class _Completion:
    """The work on one message; made and used once by `complete`."""

    def __init__(self, hosts: Hosts, person: Person, submission: Submission) -> None:
        self._rewriter = Rewriter(hosts)
        self._hosts = hosts
        self._person = person
        self._submission = submission
        self._letters = submission.letters
        self._sender = None if submission.sender is None else self._rewriter.plain(submission.sender)
        self._recipients: list[bytes] = []
        self._resent_recipients: list[bytes] = []
        self._followup: list[bytes] = []
        self._seen: set[bytes] = set()

    def complete(self, fields: list[Field]) -> Completed:
        arguments = [self._argument(argument) for argument in self._submission.arguments]
        kept = b"".join([self._field(field) for field in fields])
        if self._sender is None:
            self._sender = self._default_sender()
        is_resent = not self._seen.isdisjoint(_RESENT)
        header = (self._resent_fields() if is_resent else self._new_fields()) + kept
        recipients = self._chosen(arguments, self._resent_recipients if is_resent else self._recipients)
        return Completed(_cut(self._sender), tuple([_cut(recipient) for recipient in recipients]), header)

    def _argument(self, argument: bytes) -> bytes:
        try:
            return self._rewriter.plain(argument)
        except Unparsable as error:
            raise Unparsable(b"unable to parse address: " + argument + b"\n") from error

    def _chosen(self, arguments: list[bytes], from_header: list[bytes]) -> list[bytes]:
        strategy = self._submission.strategy
        if strategy == BOTH:
            return arguments + from_header
        if strategy == ARGUMENTS or (strategy == EITHER and arguments):
            return arguments
        return from_header

    # -- fields that came

    def _field(self, field: Field) -> bytes:
        """The field as it is kept; empty if it is removed."""
        letter = _DROPPED_BY.get(field.name)
        if letter is not None and letter in self._letters:
            return b""
        self._seen.add(field.name)
        raw = field.raw
        if field.name in _RECIPIENTS or field.name in _RESENT_RECIPIENTS:
            raw = self._recipient_field(field)
        elif field.name in _SENDERS:
            raw = _rewritten(raw, self._rewriter.rewrite)
        elif field.name == b"return-path":
            self._return_path(field)
        return b"" if field.name in _REMOVED else raw

    def _recipient_field(self, field: Field) -> bytes:
        """A fault here is the reader's problem, not ours: the field stays as it is."""
        found: list[bytes] = []

        def take(address: list[Token]) -> list[Token]:
            address = self._rewriter.rewrite(address)
            found.append(unquote(address))
            return address

        try:
            return _rewritten(field.raw, take)
        except Unparsable:
            return field.raw
        finally:
            (self._recipients if field.name in _RECIPIENTS else self._resent_recipients).extend(found)
            if field.name in _LISTS:
                self._followup.extend(found)

    def _return_path(self, field: Field) -> None:
        found: list[bytes] = []

        def take(address: list[Token]) -> list[Token]:
            found.append(unquote(self._rewriter.rewrite(address)))
            return address

        _rewritten(field.raw, take)
        if self._sender is None and found:
            self._sender = found[0] + (b"-@[]" if b"r" in self._letters else b"")

    # -- fields that are made

    def _default_sender(self) -> bytes:
        user = self._person.sender_user
        if b"m" in self._letters:
            user += b"-%d.%d" % (self._submission.now, self._submission.pid)
        if b"r" in self._letters:
            user += b"-"
        field = [Token(ATOM, b"Return-Path"), Token(COLON), Token(QUOTED, user)]
        found: list[bytes] = []

        def take(address: list[Token]) -> list[Token]:
            found.append(unquote(self._rewriter.rewrite(address)))
            return address

        _rewritten(format_tokens(field + _at_host(self._person.sender_host)), take)
        return found[0] + (b"-@[]" if b"r" in self._letters else b"")

    def _new_fields(self) -> bytes:
        made = self._stamps(b"", b"")
        if self._seen.isdisjoint(_LISTS):
            made += _NO_LIST
        return made + self._mail_followup_to()

    def _resent_fields(self) -> bytes:
        made = self._stamps(b"Resent-", b"resent-")
        return made if {b"resent-to", b"resent-cc"} & self._seen else made + b"Resent-" + _NO_LIST

    def _stamps(self, prefix: bytes, lower: bytes) -> bytes:
        made = b""
        if lower + b"date" not in self._seen:
            made += prefix + b"Date: " + rfc822(self._submission.now) + b"\n"
        if lower + b"message-id" not in self._seen:
            made += prefix + b"Message-ID: <%s>\n" % self._message_id()
        if lower + b"from" not in self._seen:
            made += prefix + self._default_from()
        return made

    def _message_id(self) -> bytes:
        stamp = b"%d%02d%02d%02d%02d%02d" % civil(self._submission.now)
        return b"%s.%d.qmail@%s" % (stamp, self._submission.pid, _one_line(self._hosts.idhost))

    def _default_from(self) -> bytes:
        user, name = _one_line(self._person.user), self._person.name
        address = [Token(QUOTED if needs_quoting(user) else ATOM, user), *_at_host(self._person.host)]
        if name is not None and b"c" in self._letters:
            address.append(Token(COMMENT, _one_line(name)))
        elif name is not None:
            address = [Token(QUOTED, _one_line(name)), Token(LEFT), *address, Token(RIGHT)]
        line = format_tokens([Token(ATOM, b"From"), Token(COLON), *address])
        return _rewritten(line, self._rewriter.rewrite)

    def _mail_followup_to(self) -> bytes:
        """For members of a list that is in To or Cc: where answers to all should go."""
        is_wanted = b"mail-followup-to" not in self._seen and any(
            address.lower() in self._submission.lists for address in self._followup
        )
        if not is_wanted:
            return b""
        return b"Mail-Followup-To: " + b",\n  ".join([quote(address) for address in self._followup[::-1]]) + b"\n"


def _rewritten(raw: bytes, rewrite: Rewrite) -> bytes:
    """A whole field with its addresses rewritten.

    :raises Unparsable: it cannot be understood.
    """
    try:
        return format_tokens(rewrite_list(tokenize(raw), rewrite))
    except Malformed as error:
        raise Unparsable(b"unable to parse this line:\n" + raw) from error


def _one_line(text: bytes) -> bytes:
    """Text of the environment for a header field: a line end in it would let it make fields of its own."""
    return text.translate(_NO_LINE_ENDS)


def _at_host(host: bytes | None) -> list[Token]:
    return [] if host is None else [Token(AT), Token(ATOM, _one_line(host))]


def _tokens(text: bytes) -> list[Token]:
    try:
        return tokenize(text)
    except Malformed as error:
        raise Unparsable(b"unable to parse this line:\n" + text) from error


def _cut(address: bytes) -> bytes:
    return address.partition(b"\0")[0]

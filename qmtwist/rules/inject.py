"""What injection makes of a message: sender, recipients, and a complete header. (qmail-inject(8), qmail-header(5))"""

from __future__ import annotations

from qmtwist.mail.address import is_sendable, needs_quoting, quote
from qmtwist.mail.addresslist import Rewrite, rewrite_list
from qmtwist.mail.addresstokens import (
    AT,
    ATOM,
    COLON,
    COMMENT,
    LEFT,
    LIMIT_TOKENS,
    LITERAL,
    QUOTED,
    RIGHT,
    Token,
    TooLong,
    format_tokens,
    tokenize,
    unquote,
)
from qmtwist.mail.date import civil, rfc822
from qmtwist.mail.encodedword import encoded_words, must_be_encoded
from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import NamedTuple

from .completion import Hosts, Rewriter, Unparsable, one_line

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
_NO_LIST = b"Cc: recipient list not shown: ;\n"

LIMIT_RECIPIENTS = 1_000_000
_ENCODED_WIDTH = 76
_SHOWN_BYTES = 2000  # of what cannot be understood
_VISIBLE = bytes(63 if byte < 32 or byte == 127 else byte for byte in range(256))


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
    chance: int  # a random number of 64 bits: two machines may have the same pid in the same second


class Completed(NamedTuple):
    """What is to be queued; addresses are cut at a NUL, which no envelope can hold."""

    sender: bytes
    recipients: tuple[bytes, ...]
    header: bytes


def complete(fields: list[Field], hosts: Hosts, person: Person, submission: Submission) -> Completed:
    """The finished submission.

    :raises Unparsable: an address field that tells of senders, an argument or a host cannot be understood; an address
        of the envelope cannot be sent in SMTP; there are too many.
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
        self._words_left = LIMIT_TOKENS

    def complete(self, fields: list[Field]) -> Completed:
        arguments = [self._argument(argument) for argument in self._submission.arguments]
        kept = b"".join([self._field(field) for field in fields])
        if self._sender is None:
            self._sender = self._default_sender()
        is_resent = not self._seen.isdisjoint(_RESENT)
        header = (self._resent_fields() if is_resent else self._new_fields()) + kept
        recipients = self._chosen(arguments, self._resent_recipients if is_resent else self._recipients)
        _check_count(len(recipients))
        return Completed(_envelope(self._sender), tuple([_envelope(recipient) for recipient in recipients]), header)

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

    def _rewritten(self, raw: bytes, rewrite: Rewrite) -> bytes:
        """A whole field with its addresses rewritten.

        :raises _NotUnderstood: it cannot be understood.
        :raises Unparsable: there is too much of it, or of all fields of addresses together.
        """
        try:
            tokens = tokenize(raw, limit_tokens=self._words_left)
            self._words_left -= len(tokens)
            return format_tokens(rewrite_list(tokens, rewrite))
        except TooLong as error:
            raise Unparsable(b"too many words in the field %s (#5.1.3)\n" % raw.partition(b":")[0][:60]) from error
        except Malformed as error:
            raise _not_understood(raw) from error

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
            raw = self._rewritten(raw, self._rewriter.rewrite)
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

        recipients = self._recipients if field.name in _RECIPIENTS else self._resent_recipients
        try:
            return self._rewritten(field.raw, take)
        except _NotUnderstood:
            return field.raw
        finally:
            recipients.extend(found)
            _check_count(len(recipients))
            if field.name in _LISTS:
                self._followup.extend(found)

    def _return_path(self, field: Field) -> None:
        found: list[bytes] = []

        def take(address: list[Token]) -> list[Token]:
            found.append(unquote(self._rewriter.rewrite(address)))
            return address

        self._rewritten(field.raw, take)
        if self._sender is None and found:
            self._sender = found[0] + (b"-@[]" if b"r" in self._letters else b"")

    # -- fields that are made

    def _default_sender(self) -> bytes:
        user = self._person.sender_user
        if b"m" in self._letters:
            user += b"-%d.%d" % (self._submission.now, self._submission.pid)
        if b"r" in self._letters:
            user += b"-"
        field = [Token(ATOM, b"Return-Path"), Token(COLON), Token(QUOTED, one_line(user))]
        found: list[bytes] = []

        def take(address: list[Token]) -> list[Token]:
            found.append(unquote(self._rewriter.rewrite(address)))
            return address

        line = format_tokens(field + _at_host(self._person.sender_host))
        self._rewritten(line, take)
        if not found:  # the host is no host, but ends a group
            raise _not_understood(line)
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
        # the chance is glued to the pid: readers of the name expect two numbers
        number = b"%d%020d" % (self._submission.pid, self._submission.chance)
        return b"%s.%s.qmail@%s" % (stamp, number, one_line(self._hosts.idhost))

    def _default_from(self) -> bytes:
        user, name = one_line(self._person.user), self._person.name
        address = [Token(QUOTED if needs_quoting(user) else ATOM, user), *_at_host(self._person.host)]
        words = encoded_words(one_line(name)) if name is not None and must_be_encoded(one_line(name)) else []
        if name is not None and b"c" in self._letters:
            address.append(Token(COMMENT, b" ".join(words) or one_line(name)))
        elif name is not None:
            shown = [Token(ATOM, word) for word in words] or [Token(QUOTED, one_line(name))]
            address = [*shown, Token(LEFT), *address, Token(RIGHT)]
        line = self._rewritten(format_tokens([Token(ATOM, b"From"), Token(COLON), *address]), self._rewriter.rewrite)
        return _folded(line) if words else line

    def _mail_followup_to(self) -> bytes:
        """For members of a list that is in To or Cc: where answers to all should go."""
        is_wanted = b"mail-followup-to" not in self._seen and any(
            address.lower() in self._submission.lists for address in self._followup
        )
        if not is_wanted:
            return b""
        return (
            b"Mail-Followup-To: "
            + b",\n  ".join([quote(one_line(address)) for address in self._followup[::-1]])
            + b"\n"
        )


def _folded(line: bytes) -> bytes:
    """A From field with encoded words on several lines, because RFC 2047 §2 gives such a line 76 characters."""
    done, rest = b"", b""
    for piece in line.split(b" "):
        if piece.startswith((b"=?", b"(=?", b"<")) and len(rest) + 1 + len(piece) > _ENCODED_WIDTH:
            done += rest + b"\n"
            rest = b""
        rest += b" " + piece if rest or done else piece
    return done + rest


class _NotUnderstood(Unparsable):
    """The grammar has no such field. Recipient fields are then kept as they are."""


def _not_understood(raw: bytes) -> _NotUnderstood:
    shown = raw if len(raw) <= _SHOWN_BYTES else raw[:_SHOWN_BYTES] + b"...\n"
    return _NotUnderstood(b"unable to parse this line:\n" + shown)


def _at_host(host: bytes | None) -> list[Token]:
    if host is None:
        return []
    if host[:1] == b"[" and host[-1:] == b"]":
        return [Token(AT), Token(LITERAL, one_line(host[1:-1]))]
    return [Token(AT), Token(ATOM, one_line(host))]


def _check_count(recipients: int) -> None:
    if recipients > LIMIT_RECIPIENTS:
        raise Unparsable(b"too many recipients (#5.5.3)\n")


def _envelope(address: bytes) -> bytes:
    """An address as the envelope has it: no NUL can be in one, so it is cut there."""
    address, nul, _ = address.partition(b"\0")
    if not is_sendable(address) or (nul and not address):
        shown = address[:_SHOWN_BYTES].translate(_VISIBLE)
        raise Unparsable(b"address too long or with a character that cannot be sent: %s (#5.1.3)\n" % shown)
    return address

"""What new-inject makes of a submitted message. (new-inject(1) of mess822)"""

from __future__ import annotations

from qmtwist.mail.header import Field
from qmtwist.mail.shapes import NamedTuple
from qmtwist.mail.tolerant import Member, format_member

from .completion import Unparsable
from .inject import ARGUMENTS, BOTH, EITHER, Person, Submission
from .regroup import LIMIT_RECIPIENTS, Regrouping, display_name, id_end, sendable
from .rewrite import Rules

_OTHERS = frozenset((b"bcc", b"return-path", b"envelope-recipients", b"envelope-sender"))
_REMOVED = frozenset((b"content-length",))
_VERP = b"-@[]"


class Composed(NamedTuple):
    """What is to be queued."""

    sender: bytes
    recipients: tuple[bytes, ...]
    header: bytes


def compose(fields: list[Field], rules: Rules, person: Person, submission: Submission, idhost: bytes) -> Composed:
    """The finished submission. Its letters count in either case.

    :raises Unparsable: an address of the envelope cannot be sent by SMTP; there is too much.
    """
    letters = submission.letters.lower()
    header = Regrouping(fields, rules, _OTHERS, _REMOVED)
    if b"s" in letters:
        header.others[b"return-path"] = []
    if b"i" in letters:
        header.forget_id()
    if b"f" in letters:
        header.lists[b"from"] = []
    _follow_up(header, submission.lists)
    sender = _sender(header, rules, person, submission)
    recipients = _recipients(header, rules, submission)
    author = rules.member(Member(display_name(person.name), person.user, person.host or b""))
    end = id_end(0, submission.pid, submission.chance, idhost)
    return Composed(sendable(sender), recipients, header.written(submission.now, author, end))


def _follow_up(header: Regrouping, lists: frozenset[bytes]) -> None:
    """For members of a list that is in To or Cc: where answers to all should go."""
    everybody = header.lists[b"to"] + header.lists[b"cc"]
    if not header.lists[b"mail-followup-to"] and any(member.address.lower() in lists for member in everybody):
        header.lists[b"mail-followup-to"] = everybody


def _sender(header: Regrouping, rules: Rules, person: Person, submission: Submission) -> bytes:
    if submission.sender is not None:
        return rules.address(submission.sender)
    for name in (b"envelope-sender", b"return-path"):
        addresses = _addresses(header.others[name])
        if addresses:
            return addresses[-1]
    letters, user = submission.letters.lower(), person.sender_user
    if b"m" in letters:
        user += b"-%d.%d" % (submission.now, submission.pid)
    if b"r" in letters:
        user += b"-"
    sender = rules.member(Member(b"", user, person.sender_host or b"")).address
    return sender + _VERP if b"r" in letters else sender


def _recipients(header: Regrouping, rules: Rules, submission: Submission) -> tuple[bytes, ...]:
    """In order; those of one field from left to right."""
    strategy = submission.strategy
    if strategy == EITHER and submission.arguments:
        strategy = ARGUMENTS
    found = [rules.address(argument) for argument in submission.arguments] if strategy in (ARGUMENTS, BOTH) else []
    if strategy != ARGUMENTS:
        if b"envelope-recipients" in header.seen:
            found += _addresses(header.others[b"envelope-recipients"])
        else:
            found += _addresses(header.lists[b"to"] + header.lists[b"cc"] + header.others[b"bcc"])
    if len(found) > LIMIT_RECIPIENTS:
        raise Unparsable(b"too many recipients (#5.5.3)\n")
    if b"" in found:
        raise Unparsable(b"empty recipient address (#5.1.3)\n")
    return tuple([sendable(recipient) for recipient in found])


def _addresses(members: list[Member]) -> list[bytes]:
    return [member.address for member in members if member.box is not None]


def envelope_text(composed: Composed) -> bytes:
    r"""What -n prints before the header.

    >>> print(envelope_text(Composed(b"joe@host", (b"a b@host",), b"")).decode())
    Envelope-Sender: joe@host
    Envelope-Recipients:
      "a b"@host,
    <BLANKLINE>
    """
    lines = [b"Envelope-Sender: " + _shown(composed.sender), b"Envelope-Recipients:"]
    lines += [b"  " + _shown(recipient) + b"," for recipient in composed.recipients]
    return b"\n".join(lines) + b"\n"


def _shown(address: bytes) -> bytes:
    box, _, host = address.rpartition(b"@")
    return format_member(Member(b"", box, host) if box else Member(b"", host, b""))

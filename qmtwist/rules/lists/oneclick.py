"""Leaving a list by one click: a link of his own for each who gets a posting, though the posting is one. (RFC 8058)

A posting goes into the queue with a mark, a field on top of its header that holds a key made for this posting from the
list's secret. Where the posting is delivered, the mark is replaced by List-Unsubscribe for this one recipient: an
address of the list with a cookie that only this key, and so only the list's secret, makes for him. The list needs to
remember nothing, and nobody but the queue sees the key. Whoever writes a mark himself gets cookies that no list takes.
"""

from __future__ import annotations

from _blake2 import blake2b
from _operator import _compare_digest

from qmtwist.mail.errors import Malformed
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import NamedTuple

from .address import boxed, unboxed
from .cookie import LENGTH, letters
from .heading import cut

MARK = b"X-Qmtwist-One-Click: "
VERB, DIGEST = b"uo", b"digest"
START_BYTES = 1024  # of a queued message, in which its mark is
BODY = b"List-Unsubscribe=One-Click"
SECRET_BYTES = 32
_MARK_NAME, _UNSUBSCRIBE, _POST = b"x-qmtwist-one-click", b"list-unsubscribe", b"list-unsubscribe-post"
_KEY_BYTES = 64
_KEY_LETTERS = frozenset(b"0123456789abcdef")
_QUEUED = b"Received: (qmail "
_NUMBER_DIGITS = 15
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'*+@%")


class Click(NamedTuple):
    """A wish to leave: whose, by which posting, and what proves that he had it; `part` is `digest` or nothing."""

    number: int
    cookie: bytes
    target: bytes
    part: bytes = b""


class Marked(NamedTuple):
    """Where the mark of a queued message begins and ends, and its key."""

    start: int
    end: int
    key: bytes


class Leaving(NamedTuple):
    """Two addresses: who leaves which list."""

    list: bytes
    target: bytes


def posting_key(secret: bytes, number: int, part: bytes = b"") -> bytes:
    """The key of one posting; nobody can tell the secret from it, or the key of another.

    >>> len(posting_key(b"secret", 7)), posting_key(b"secret", 7) == posting_key(b"secret", 8)
    (64, False)
    """
    text = b"%s %d" % (part or b"posting", number)
    return blake2b(text, key=secret.strip()[:_KEY_BYTES], digest_size=32).hexdigest().encode()


def mark(secret: bytes, number: int, part: bytes = b"") -> bytes:
    """The field that stands first in a posting, or in a digest."""
    return MARK + posting_key(secret, number, part) + b"\n"


def cookie(key: bytes, address: bytes) -> bytes:
    """Twenty letters that go to whoever gets the posting at this address, whatever its case."""
    return letters(blake2b(b"unsubscribe " + address.lower(), key=key, digest_size=LENGTH).digest())


def not_personal(fields: list[Field]) -> list[Field]:
    """The fields of a message to a list without those that were for one recipient alone: the list itself, perhaps,
    which everybody could take off its parent list.
    """
    names = [field.name for field in fields]
    personal = [_MARK_NAME, _POST]
    if _POST in names:
        personal.append(_UNSUBSCRIBE)
    return [field for field in fields if field.name not in personal]


def without_unsubscribe(add: bytes) -> bytes:
    r"""Lines of a header without List-Unsubscribe: recipients get their own.

    >>> without_unsubscribe(b"A: b\nList-Unsubscribe: <x>,\n\t<y>\nC: d\n")
    b'A: b\nC: d\n'
    """
    fields = cut(add).fields
    return b"".join([field.raw for field in fields if field.name not in (_UNSUBSCRIBE, _POST)])


def find(start: bytes) -> Marked | None:
    r"""The mark of a message, by its first START_BYTES as they are in the queue; None without one.

    It stands behind the one line that queueing adds, where no message from the network has a line of its own.

    >>> find(b"Received: (qmail 7 invoked by uid 1); x\n" + MARK + b"a" * 64 + b"\nSubject: x\n")[:2]
    (40, 126)
    """
    at = start.find(b"\n") + 1
    if not start.startswith(MARK, at) or not start.startswith(_QUEUED):
        return None
    key = start[at + len(MARK) : at + len(MARK) + _KEY_BYTES]
    end = at + len(MARK) + _KEY_BYTES + 1
    if start[end - 1 : end] != b"\n" or not _KEY_LETTERS.issuperset(key):
        return None
    return Marked(at, end, key)


def without_mark(start: bytes) -> bytes:
    """The beginning of a queued message, as anybody may see it."""
    marked = find(start)
    return start if marked is None else start[: marked.start] + start[marked.end :]


def leaving(sender: bytes, recipient: bytes, key: bytes) -> bytes:
    """The address at which a recipient of a posting leaves the list; empty if it is not sent as lists send.

    >>> leaving(b"list-return-7-@h.dom-@[]", b"ann@x.y", b"a" * 64)
    b'list-uo.7.fiecihgfiflbehpamppj-ann=x.y@h.dom'
    """
    name, host, number = _list_of(sender)
    if not name or b"@" not in recipient or not _is_visible(recipient):
        return b""
    return b"%s-%s.%s.%s-%s@%s" % (name, VERB, number, cookie(key, recipient), boxed(recipient), host)


def usual(sender: bytes) -> bytes:
    r"""The fields for a recipient whose address would need quotes there; none for what no list has sent.

    >>> usual(b"list-return-7-@h.dom-@[]"), usual(b"joe@h")
    (b'List-Unsubscribe: <mailto:list-unsubscribe@h.dom>\n', b'')
    """
    name, host = _list_of(sender)[:2]
    return b"List-Unsubscribe: <mailto:%s>\n" % _in_url(name + b"-unsubscribe@" + host) if name else b""


def _list_of(sender: bytes) -> tuple[bytes, bytes, bytes]:
    """Local part and host of the list that has sent a posting, and its number; empty if none has."""
    local, at, host = sender.removesuffix(b"-@[]").rpartition(b"@")
    name, word, number = local.removesuffix(b"-").rpartition(b"-return-")
    is_list = at and word and local.endswith(b"-") and _is_number(number) and _is_visible(name) and _is_visible(host)
    return (name, host, number) if is_list else (b"", b"", b"")


def parse(action: bytes) -> Click | None:
    """The part of an address behind the list's name and a `-`, if it says that somebody leaves by a click.

    >>> parse(b"uo.7.aaaaaaaaaaaaaaaaaaaa-ann=x.y")
    Click(number=7, cookie=b'aaaaaaaaaaaaaaaaaaaa', target=b'ann@x.y', part=b'')
    """
    first, _, rest = action.partition(b"-")
    part = DIGEST if first.lower() == DIGEST else b""
    word, _, box = (rest if part else action).partition(b"-")
    verb, _, proof = word.lower().partition(b".")
    number, _, letters_ = proof.partition(b".")
    target = unboxed(box)
    if verb != VERB or not _is_number(number) or not target:
        return None
    return Click(int(number), letters_, target, part)


def is_valid(click: Click, secret: bytes, last: int) -> bool:
    """Whether the list has sent this posting, which may be years ago, to this address. `last` is its latest one."""
    if not secret.strip() or not 0 < click.number <= last:
        return False
    return _compare_digest(click.cookie, cookie(posting_key(secret, click.number, click.part), click.target))


def fields(address: bytes, link: bytes) -> bytes:
    r"""The fields for one recipient: the address at which he leaves, and a link that does it by POST, if there is one.

    >>> fields(b"l-uo.7.ab-ann=x@h", b"")
    b'List-Unsubscribe: <mailto:l-uo.7.ab-ann%3Dx@h>\n'
    """
    mailto = b"<mailto:%s>" % _in_url(address)
    if not link:
        return b"List-Unsubscribe: %s\n" % mailto
    return b"List-Unsubscribe: <%s>,\n\t%s\nList-Unsubscribe-Post: %s\n" % (link, mailto, BODY)


def _in_url(address: bytes) -> bytes:
    """An address in a link to write to it. (RFC 6068 §2)"""
    plain = address.replace(b"%", b"%25").replace(b"=", b"%3D")  # there is always one of these, and seldom another
    for byte in frozenset(plain) - _PLAIN:
        plain = plain.replace(bytes([byte]), b"%%%02X" % byte)
    return plain


def request(address: bytes, date: bytes, identity: bytes, client: bytes) -> tuple[bytes, bytes]:
    """The message by which a server passes a click on: its envelope sender, and its text.

    The sender is an address of the list itself where nobody minds what comes back. `client` says who clicked.
    """
    name, _, host = target_of(address).list.rpartition(b"@")
    sender = b"%s-return-@%s" % (name, host)
    text = (
        b"Date: %s\nMessage-ID: <%s@%s>\nFrom: %s\nTo: %s\nSubject: unsubscribe\n\n"
        b"The link for leaving the list was followed from %s.\n"
    )
    return sender, text % (date, identity, host, sender, address, client)


def token(secret: bytes, address: bytes) -> bytes:
    """The last part of a link: the address, and what proves that this server has made the link.

    >>> token(b"key", b"l@h")
    b'bEBo.jfediobplonhlnlneihe'
    """
    from binascii import b2a_base64

    text = b2a_base64(address, newline=False).rstrip(b"=").translate(_TO_URL)
    return text + b"." + letters(blake2b(b"link " + address, key=secret[:_KEY_BYTES], digest_size=LENGTH).digest())


def address_of(secret: bytes, found: bytes) -> bytes | None:
    """The address in a token, or None for one that this server has not made.

    >>> address_of(b"key", token(b"key", b"l@h")), address_of(b"other", token(b"key", b"l@h"))
    (b'l@h', None)
    """
    from binascii import Error, a2b_base64

    text, _, _ = found.partition(b".")
    try:
        address = a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except Error:
        return None
    return address if _compare_digest(token(secret, address), found) else None


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def target_of(address: bytes) -> Leaving:
    """The list that an address made by `leaving` belongs to, and who leaves it.

    :raises Malformed: it is no such address.

    >>> target_of(b"l-uo.7.ab-ann=x.y@h.dom")
    Leaving(list=b'l@h.dom', target=b'ann@x.y')
    """
    local, _, host = address.rpartition(b"@")
    sign = b"-%s." % VERB
    at = local.find(sign)
    while at >= 0:
        click = parse(local[at + 1 :])
        if click is not None:
            return Leaving(local[:at] + b"@" + host, click.target)
        at = local.find(sign, at + 1)
    raise Malformed("nobody leaves a list by this address")


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) <= _NUMBER_DIGITS


def _is_visible(text: bytes) -> bool:
    """Whether it can stand in an address without quotes, in a field of its own."""
    return text.isascii() and not any(byte <= 32 or byte == 127 or byte in b'<>()[]",:;\\' for byte in text)

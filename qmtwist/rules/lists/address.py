"""Subscribers' addresses: how one is kept, in which file, and how it is written into an address of the list."""

from __future__ import annotations

from qmtwist.mail.errors import Malformed, Permanent

LIMIT_BYTES = 400
FILES = tuple([bytes([64 + number]) for number in range(53)])
"""The names of the files in subscribers/, in the order in which a posting goes out."""


def subscriber(address: bytes) -> bytes:
    """An address as it is kept: the host in lower case.

    :raises Malformed: it cannot be on a list.

    >>> subscriber(b"Joe@X.Y")
    b'Joe@x.y'
    """
    if len(address) > LIMIT_BYTES:
        raise Malformed("address is too long")
    local, at, host = address.rpartition(b"@")
    if not at:
        raise Malformed("address does not contain @")
    if b"\n" in address or b"\0" in address:
        raise Malformed("address contains newline")
    return local + at + host.lower()


def file_of(address: bytes) -> bytes:
    """The file in which ezmlm 0.53 keeps an address; ezmlm-idx asks for the one of the address in lower case.

    >>> file_of(b"a@b.c"), file_of(b"Joe@x.y"), file_of(b"joe@x.y")
    (b'^', b'A', b'W')
    """
    return FILES[hash_of(b"T" + address)]


def hash_of(text: bytes) -> int:
    """A number from 0 to 52, by which addresses are spread.

    >>> hash_of(b""), hash_of(b"joe@x.y")
    (28, 15)
    """
    value = 5381
    for byte in text:
        value = (value * 33 & 0xFFFFFFFF) ^ byte
    return value % len(FILES)


def behind(inlocal: bytes, local: bytes) -> bytes:
    """The part of an address of a list behind the list's name and a `-`.

    :raises Permanent: it is not an address of this list.

    >>> behind(b"joe-list", b"Joe-List-Help")
    b'Help'
    """
    start = inlocal + b"-"
    if not local.lower().startswith(start.lower()):
        raise Permanent("I do not accept messages at this address", "5.1.1")
    return local[len(start) :]


def list_local(local: bytes, default: bytes | None) -> bytes:
    """What a list's addresses begin with, given the local part of one of them and what `default` in the name of its
    .qmail file stands for there.

    >>> list_local(b"joe-l-get.1", b"get.1"), list_local(b"joe-l", None), list_local(b"joe-l-return-5-a=b", b"5-a=b")
    (b'joe-l', b'joe-l', b'joe-l')
    """
    if default is None:
        return local
    start = local[: len(local) - len(default) - 1] if local.lower().endswith(b"-" + default.lower()) else local
    for end in _BRANCHES:
        if start.lower().endswith(end):
            return start[: len(start) - len(end)]
    return start


_BRANCHES = (b"-digest-return", b"-return", b"-accept", b"-reject")  # that have .qmail files of their own


def boxed(address: bytes) -> bytes:
    """An address as a part of another one's local part.

    >>> boxed(b"joe@x.y")
    b'joe=x.y'
    """
    return b"=".join(address.rsplit(b"@", 1))


def unboxed(text: bytes) -> bytes | None:
    """The address in `box=host`; the last `=` stands for the `@`.

    >>> unboxed(b"a=b=x.y"), unboxed(b"joe")
    (b'a=b@x.y', None)
    """
    box, sign, host = text.rpartition(b"=")
    return box + b"@" + host if sign else None

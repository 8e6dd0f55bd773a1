"""Which .qmail file serves an extension, and who answers for it. (dot-qmail(5))"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator, NamedTuple

_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_SAFE = _LOWER.replace(b".", b":")


class Candidate(NamedTuple):
    """A file name below the home, and the value of DEFAULT when this file is used; None: DEFAULT is not set."""

    name: bytes
    default: bytes | None


def safe(ext: bytes) -> bytes:
    """The extension as it stands in file names: lower case, dots become colons. A slash stays.

    >>> safe(b"P.D.Q.Bach")
    b'p:d:q:bach'
    """
    return ext.translate(_SAFE)


def candidates(dash: bytes, ext: bytes) -> Iterator[Candidate]:
    """The files to try, in order: the exact one, then `default` after each dash from the right, then bare `default`.

    >>> [candidate.name for candidate in candidates(b"-", b"a-b")]
    [b'.qmail-a-b', b'.qmail-a-default', b'.qmail-default']
    """
    start = b".qmail" + dash
    name = safe(ext)
    yield Candidate(start + name, ext[-7:] if name.endswith(b"default") else None)
    end = len(name)
    while end >= 0:
        if not end or name[end - 1 : end] == b"-":
            yield Candidate(start + name[:end] + b"default", ext[end:])
        end = name.rfind(b"-", 0, end - 1) + 1 if end else -1


def owner_files(dash: bytes, ext: bytes) -> tuple[bytes, bytes]:
    """The two files whose presence makes this address a mailing list: with an owner, and with an owner per recipient.

    >>> owner_files(b"-", b"List")
    (b'.qmail-list-owner', b'.qmail-list-owner-default')
    """
    name = b".qmail" + dash + safe(ext) + b"-owner"
    return name, name + b"-default"


def new_sender(sender: bytes, local: bytes, host: bytes, has_owner: bool, has_owner_default: bool) -> bytes:
    """The envelope sender of forwarded copies. Bounces (null sender) and double bounces (`#@[]`) keep theirs.

    >>> new_sender(b"a@b", b"joe-list", b"host", True, True)
    b'joe-list-owner-@host-@[]'
    """
    if not has_owner or sender in (b"", b"#@[]"):
        return sender
    if has_owner_default:
        return local + b"-owner-@" + host + b"-@[]"
    return local + b"-owner@" + host

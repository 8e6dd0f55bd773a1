"""Cookies: twenty letters that only who knows a list's key can make for an address and a time. (ezmlm cookie.c)

A letter is one of `a` to `p`, so that a cookie is 80 bits. Lists made by ezmlm use SURF, a hash by D. J. Bernstein; a
key that begins with `KEYED` is one of ours, and its cookies are BLAKE2b under the whole key (RFC 7693). The names of
files in bounce/ are SURF cookies without a key in every list.
"""

from __future__ import annotations

from _blake2 import blake2b
from _operator import _compare_digest

LENGTH = 20
KEYED = b"blake2b "
_MASK = 0xFFFFFFFF
_BLOCK_BYTES = 32
_ZEROS: tuple[int, ...] = (0,) * 32
_ROTATIONS = (5, 7, 9, 13) * 3
_KEY_BYTES = 64  # that BLAKE2b takes
_PART_BYTES = {b"digest": 1, b"allow": 2, b"deny": 3}  # that its key is shorter


def cookie(key: bytes, date: bytes, address: bytes, action: bytes = b"") -> bytes:
    """The cookie for an address, made at a date, for one action: its first byte counts.

    >>> cookie(b"secretkey", b"1000000000", b"joe@x.y", b"s"), cookie(b"", b"", b"joe@x.y")
    (b'mlajgkcdkbbcfjbddemm', b'damgadkkfclekaapdclf')
    """
    text = date + b"\0" + address + b"\0" + (action[:1] or b"\0")
    if key.startswith(KEYED):
        digest = blake2b(text, digest_size=LENGTH, key=key.strip()[len(KEYED) :][:_KEY_BYTES]).digest()
        return letters(digest)
    seed = _ZEROS
    for _ in range(4):
        seed = tuple([(word << 8) + byte & _MASK for word, byte in zip(seed, hash32(seed, key), strict=True)])
    return letters(hash32(seed, text))


def part_key(key: bytes, part: bytes) -> bytes:
    """The key for one of the lists of addresses beside the subscribers; that list's confirmations are for no other.

    ezmlm-idx leaves off the last bytes of the key; with a key of ours the part's name stands before the secret.

    >>> part_key(b"secretkey", b"deny"), part_key(b"blake2b 01ef", b"deny"), part_key(b"secretkey", b"")
    (b'secret', b'blake2b deny 01ef', b'secretkey')
    """
    if not part:
        return key
    if key.startswith(KEYED):
        return KEYED + part + b" " + key[len(KEYED) :]
    return key[: len(key) - _PART_BYTES[part]]


def is_cookie(found: bytes, key: bytes, date: bytes, address: bytes, action: bytes) -> bool:
    """Whether it is the right one; how long the answer takes tells nothing.

    >>> is_cookie(b"mlajgkcdkbbcfjbddemm", b"secretkey", b"1000000000", b"joe@x.y", b"s")
    True
    """
    return _compare_digest(found, cookie(key, date, address, action))


def digest(text: bytes) -> bytes:
    """A name for a text, such as an address or a subject."""
    return cookie(b"", b"", text)


def letters(values: bytes) -> bytes:
    """Each byte as one of sixteen letters; twenty at most."""
    return bytes([97 + (value & 15) for value in values[:LENGTH]])


def hash32(seed: tuple[int, ...], data: bytes) -> bytes:
    """32 bytes for data of any length (PCS)."""
    data += b"."
    total = [0] * 8
    for number, at in enumerate(range(0, len(data), _BLOCK_BYTES), 1):
        block = data[at : at + _BLOCK_BYTES].ljust(_BLOCK_BYTES, b"\0") + number.to_bytes(16, "little")
        words = [int.from_bytes(block[place : place + 4], "little") for place in range(0, 48, 4)]
        total = [(mine + more) & _MASK for mine, more in zip(total, _surf(seed, words), strict=True)]
    return b"".join([word.to_bytes(4, "little") for word in _surf(seed, [*total, 0, 0, 0, 0])])


def _surf(seed: tuple[int, ...], words: list[int]) -> list[int]:
    """Twelve words to eight."""
    t = [word ^ seed[12 + place] for place, word in enumerate(words)]
    out = list(seed[24:32])
    x, total = t[11], 0
    for _ in range(2):
        for _ in range(16):
            total = (total + 0x9E3779B9) & _MASK
            for place, by in enumerate(_ROTATIONS):
                turned = (x << by | x >> (32 - by)) & _MASK
                x = t[place] = (t[place] + (((x ^ seed[place]) + total) ^ turned)) & _MASK
        out = [word ^ t[place + 4] for place, word in enumerate(out)]
    return out

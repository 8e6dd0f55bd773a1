"""HOME/users/passwords: the mailbox passwords, one `user:hash` a line. (qmtwist passwd)

A hash is scrypt (RFC 7914) as `$scrypt$ln=15,r=8,p=1$SALT$HASH`, both parts base64 without padding. Entries that begin
with `$argon2` are understood where argon2-cffi is installed. Empty lines and lines that begin with `#` do not count.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
from collections import OrderedDict

from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.store import durable

from .accounts import system_account

SECRET_LIMIT_BYTES = 255
REMEMBERED_S = 300  # a proved password is believed again for so long
REMEMBERED = 10_000
_LOG_N, _R, _P = 15, 8, 1  # 32 MiB and some 70 ms
_MEMORY_BYTES = 256 * 1024 * 1024  # what a hash in the file may ask for
_UNWRITABLE = bytes(range(32)) + b"\x7f"

Signature = tuple[int, int, int, int, int]


def passwords_path(home: str) -> str:
    """Where the passwords of a home are."""
    return f"{home}/users/passwords"


def hash_secret(secret: bytes, salt: bytes | None = None) -> bytes:
    """What to store for a password; `salt` is random unless given. Costs some 70 ms."""
    salt = os.urandom(16) if salt is None else salt
    return b"$scrypt$ln=%d,r=%d,p=%d$%s$%s" % (
        _LOG_N,
        _R,
        _P,
        _encode(salt),
        _encode(_scrypt(secret, salt, _LOG_N, _R, _P)),
    )


def is_match(stored: bytes, secret: bytes) -> bool:
    """Whether a password fits a stored hash, in a time that does not depend on the answer.

    :raises Temporary: the hash is of a kind that we cannot compute.
    """
    if stored.startswith(b"$argon2"):
        return _is_argon2_match(stored, secret)
    try:
        empty, kind, parameters, salt, digest = stored.split(b"$")
        numbers = dict(part.split(b"=") for part in parameters.split(b","))
        if empty or kind != b"scrypt":
            raise ValueError(kind)
        found = _scrypt(secret, _decode(salt), int(numbers[b"ln"]), int(numbers[b"r"]), int(numbers[b"p"]))
        return hmac.compare_digest(found, _decode(digest))
    except (ValueError, KeyError, OverflowError) as error:
        raise Temporary("a password in users/passwords is stored in a way unknown here") from error


def _is_argon2_match(stored: bytes, secret: bytes) -> bool:
    try:
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
    except ImportError as error:
        raise Temporary("a password in users/passwords needs the Python package argon2-cffi") from error
    try:
        return PasswordHasher().verify(stored, secret)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as error:
        raise Temporary("a password in users/passwords is stored in a way unknown here") from error


def _scrypt(secret: bytes, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(secret, salt=salt, n=1 << min(log_n, 40), r=r, p=p, maxmem=_MEMORY_BYTES, dklen=32)


def _encode(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("bad base64") from error


# An absent user costs as much as a present one: his password is compared with this.
_NOBODY = b"$scrypt$ln=%d,r=%d,p=%d$%s$%s" % (_LOG_N, _R, _P, _encode(bytes(16)), _encode(bytes(32)))


class PasswordFile:
    """The passwords of a home, reread when the file changes. May be used by several threads at once."""

    def __init__(self, home: str) -> None:
        self._path = passwords_path(home)
        self._loaded: tuple[Signature, dict[bytes, bytes]] | None = None

    def signature(self) -> Signature | None:
        """What changes with the file; None: there is no file, or it cannot be looked at."""
        try:
            return _signature(os.stat(self._path))
        except OSError:
            return None

    def check(self, user: bytes, secret: bytes, otherwise: bytes = b"") -> bool:
        """Whether this is the user's password. Takes its time (some 70 ms), for an unknown user as well.

        `otherwise` is the name to look for when there is no entry for `user`.
        :raises Temporary: the file cannot be read, or the hash not be computed.
        """
        table = self._table()
        stored = table.get(user) or table.get(otherwise)
        if stored is not None:
            return is_match(stored, secret)
        is_match(next(iter(table.values()), _NOBODY), secret)
        return False

    def _table(self) -> dict[bytes, bytes]:
        try:
            with open(self._path, "rb", buffering=0) as stream:
                signature = _signature(os.fstat(stream.fileno()))
                loaded = self._loaded
                if loaded is not None and loaded[0] == signature:
                    return loaded[1]
                table = parse_passwords(stream.readall())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Temporary("users/passwords cannot be read") from error
        self._loaded = (signature, table)
        return table


class RecentLogins:
    """Passwords proved a moment ago, so that a client that polls does not cost 70 ms each time.

    Only a keyed hash of name and password is kept, with a key that never leaves this process, for REMEMBERED_S seconds
    and while the file has the signature under which it was proved. Belongs to one thread.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._key = os.urandom(32)
        self._limit = limit
        self._proved: OrderedDict[bytes, float] = OrderedDict()  # hash to the time until which it is believed
        self._signature: Signature | None = None

    def is_known(self, user: bytes, secret: bytes, signature: Signature | None, now: float) -> bool:
        """Whether the same was proved a moment ago, with the same file."""
        if signature is None or signature != self._signature:
            return False
        return self._proved.get(self._digest(user, secret), 0.0) > now

    def remember(self, user: bytes, secret: bytes, signature: Signature | None, now: float) -> None:
        """It was proved; `signature` is the file's from before the proof."""
        if signature is None:
            return
        if signature != self._signature:
            self._proved.clear()
            self._signature = signature
        digest = self._digest(user, secret)
        self._proved[digest] = now + REMEMBERED_S
        self._proved.move_to_end(digest)
        while len(self._proved) > self._limit:
            self._proved.popitem(last=False)

    def _digest(self, user: bytes, secret: bytes) -> bytes:
        return hmac.digest(self._key, b"%d:%s%s" % (len(user), user, secret), "sha256")


def parse_passwords(data: bytes) -> dict[bytes, bytes]:
    r"""The table in the file's text; the last line of a user counts.

    >>> parse_passwords(b"# mail\njoe:$scrypt$x\n\n")
    {b'joe': b'$scrypt$x'}
    """
    pairs = (line.partition(b":") for line in data.splitlines() if line and not line.startswith(b"#"))
    return {user: stored.strip() for user, colon, stored in pairs if user and colon}


def set_password(home: str, user: bytes, secret: bytes) -> None:
    """Store a user's password; on disk when this returns.

    :raises Permanent: no name or password for this file. :raises OSError: it could not be written; nothing has changed.
    """
    if not user or b":" in user or user.startswith(b"#") or user.translate(None, _UNWRITABLE) != user or b" " in user:
        raise Permanent("a user name must not be empty, begin with # or contain a colon, blank or control character")
    if not secret or len(secret) > SECRET_LIMIT_BYTES:
        raise Permanent(f"a password has 1 to {SECRET_LIMIT_BYTES} bytes")
    if secret.translate(None, b"\0\r\n") != secret or secret.startswith(b" "):
        raise Permanent("a password must not begin with a blank or contain a NUL, CR or LF: POP3 cannot carry it")
    _rewrite(home, user, hash_secret(secret))


def remove_password(home: str, user: bytes) -> bool:
    """Remove a user's password; whether there was one.

    :raises OSError: the file could not be written; nothing has changed.
    """
    return _rewrite(home, user, None)


def _rewrite(home: str, user: bytes, stored: bytes | None) -> bool:
    """Replace, add or (None) remove a user's line; whether there was one. Other lines stay as they are."""
    path = passwords_path(home)
    directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # two of us at once: one after the other
        try:
            lines = durable.read(path).splitlines()
        except FileNotFoundError:
            lines = []
        kept = [line for line in lines if line.startswith(b"#") or line.partition(b":")[0] != user]
        if len(kept) == len(lines) and stored is None:
            return False
        added = [] if stored is None else [user + b":" + stored]
        data = b"".join(line + b"\n" for line in [*kept, *added])
        mode, owner = _rights(home)
        durable.replace(path, data, mode, owner)
        return len(kept) < len(lines)
    finally:
        os.close(directory)


def _rights(home: str) -> tuple[int, tuple[int, int] | None]:
    """Mode and owner of the new file: the old one's, never more than 0640; but the daemon must be able to read."""
    is_root = os.geteuid() == 0
    try:
        old = os.stat(passwords_path(home))
    except FileNotFoundError:
        return 0o600, _daemon(home) if is_root else None
    mode = old.st_mode & 0o640 | 0o600
    if is_root and old.st_uid == 0 and not mode & 0o040:
        return mode, _daemon(home)
    return mode, (old.st_uid, old.st_gid) if is_root else None


def _daemon(home: str) -> tuple[int, int] | None:
    """Whom the daemon becomes when root starts it: qmailq, or without that account the owner of the queue."""
    account = system_account("qmailq")
    if account is not None:
        return account.uid, account.gid
    try:
        queue = os.stat(f"{home}/queue")
    except OSError:
        return None
    return queue.st_uid, queue.st_gid


def _signature(facts: os.stat_result) -> Signature:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns

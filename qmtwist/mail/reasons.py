"""Why the system refused, in qmail's words, and whether it may change its mind. (qmail error_str, error_temp)"""

from __future__ import annotations

import errno

_WORDS: dict[int, bytes] = {
    errno.EINTR: b"interrupted system call",
    errno.ENOMEM: b"out of memory",
    errno.ENOENT: b"file does not exist",
    errno.ETXTBSY: b"text busy",
    errno.EIO: b"input/output error",
    errno.EEXIST: b"file already exists",
    errno.ETIMEDOUT: b"timed out",
    errno.EINPROGRESS: b"operation in progress",
    errno.EAGAIN: b"temporary failure",
    errno.EPIPE: b"broken pipe",
    errno.EPERM: b"permission denied",
    errno.EACCES: b"access denied",
    errno.ENODEV: b"device not configured",
    errno.EPROTO: b"protocol error",
    errno.EISDIR: b"is a directory",
    errno.ENOTDIR: b"not a directory",
    errno.ECONNREFUSED: b"connection refused",
    errno.ESRCH: b"no such process",
    errno.E2BIG: b"argument list too long",
    errno.ENOEXEC: b"exec format error",
    errno.EBADF: b"file descriptor not open",
    errno.ECHILD: b"no child processes",
    errno.EDEADLK: b"operation would cause deadlock",
    errno.EFAULT: b"bad address",
    errno.ENOTBLK: b"not a block device",
    errno.EBUSY: b"device busy",
    errno.EXDEV: b"cross-device link",
    errno.EINVAL: b"invalid argument",
    errno.ENFILE: b"system cannot open more files",
    errno.EMFILE: b"process cannot open more files",
    errno.ENOTTY: b"not a tty",
    errno.EFBIG: b"file too big",
    errno.ENOSPC: b"out of disk space",
    errno.ESPIPE: b"unseekable descriptor",
    errno.EROFS: b"file system is read-only",
    errno.EMLINK: b"too many links",
    errno.EDOM: b"input out of range",
    errno.ERANGE: b"output out of range",
    errno.EALREADY: b"operation already in progress",
    errno.ENOTSOCK: b"not a socket",
    errno.EADDRINUSE: b"address already used",
    errno.EADDRNOTAVAIL: b"address not available",
    errno.EAFNOSUPPORT: b"address family not supported",
    errno.EPROTONOSUPPORT: b"protocol not supported",
    errno.EOPNOTSUPP: b"operation not supported",
    errno.ENETDOWN: b"network is down",
    errno.ENETUNREACH: b"network is unreachable",
    errno.ENETRESET: b"network reset",
    errno.ECONNABORTED: b"connection aborted",
    errno.ECONNRESET: b"connection reset",
    errno.ENOBUFS: b"out of buffer space",
    errno.EISCONN: b"already connected",
    errno.ENOTCONN: b"not connected",
    errno.ELOOP: b"symbolic link loop",
    errno.ENAMETOOLONG: b"file name too long",
    errno.EHOSTDOWN: b"host is down",
    errno.EHOSTUNREACH: b"host is unreachable",
    errno.ENOTEMPTY: b"directory not empty",
    errno.EUSERS: b"too many users",
    errno.EDQUOT: b"disk quota exceeded",
    errno.ESTALE: b"stale NFS file handle",
    errno.ENOLCK: b"no locks available",
    errno.ENOSYS: b"system call not available",
}

# An answer about the name itself, which the same question will get tomorrow. Whatever is not known to be that may pass.
LASTING = frozenset(
    (
        errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG,
        errno.ENXIO, errno.ENODEV, errno.EINVAL, errno.EROFS, errno.EEXIST,
    )
)  # fmt: skip


def reason(error: OSError) -> bytes:
    """The words for an error of the system.

    >>> reason(OSError(errno.ENOENT, "")), reason(OSError(99999, ""))
    (b'file does not exist', b'unknown error')
    """
    return _WORDS.get(error.errno or 0, b"unknown error")


def is_lasting(error: OSError) -> bool:
    """Whether the error says something lasting about a name, such as absent or forbidden.

    >>> is_lasting(OSError(errno.ENOENT, "")), is_lasting(OSError(errno.EIO, ""))
    (True, False)
    """
    return error.errno in LASTING

"""The file supervise/status, 18 bytes: what a supervisor tells the world about its service, and svstat's line of it."""

from __future__ import annotations

from qmtwist.logbook import tai64
from qmtwist.mail.shapes import NamedTuple

STATUS_BYTES = 18
_PID_AT = tai64.PACKED_BYTES


class ServiceStatus(NamedTuple):
    """`pid` 0: it is down. `want` is `u`, `d` or, when it is to run once, a NUL."""

    since_ns: int
    pid: int
    is_paused: bool
    want: bytes


def encode(status: ServiceStatus) -> bytes:
    """The bytes of the file: the time of the last change, the pid (little end first), two flags."""
    return tai64.pack(status.since_ns) + status.pid.to_bytes(4, "little") + bytes((status.is_paused,)) + status.want


def decode(data: bytes) -> ServiceStatus | None:
    """The status; None: the file is too short to have one."""
    if len(data) < STATUS_BYTES:
        return None
    pid = int.from_bytes(data[_PID_AT : _PID_AT + 4], "little")
    return ServiceStatus(tai64.unpack(data), pid, data[16] != 0, data[17:18])


def describe(status: ServiceStatus, now_ns: int, is_normally_up: bool) -> bytes:
    """What svstat says of it after the name. `is_normally_up`: there is no file `down`.

    >>> describe(ServiceStatus(0, 17, True, b"d"), 5 * 10**9, True)
    b'up (pid 17) 5 seconds, paused, want down'
    """
    is_up = status.pid != 0
    words = [b"up (pid %d)" % status.pid if is_up else b"down"]
    words.append(b" %d seconds" % max(0, (now_ns - status.since_ns) // tai64.SECOND_NS))
    if is_up != is_normally_up:
        words.append(b", normally up" if is_normally_up else b", normally down")
    if is_up and status.is_paused:
        words.append(b", paused")
    if not is_up and status.want == b"u":
        words.append(b", want up")
    if is_up and status.want == b"d":
        words.append(b", want down")
    return b"".join(words)

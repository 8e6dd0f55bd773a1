"""qmail-qmqpc: queue a mail message on another host

SYNOPSIS

    qmail-qmqpc <message 1<envelope

DESCRIPTION

Stands in for qmail-queue on a host that keeps no queue: it reads a message from descriptor 0 and its envelope from
descriptor 1, as qmail-queue does, and hands them by QMQP to the first server of control/qmqpservers that takes them.
It is installed as bin/qmail-queue, or named by QMAILQUEUE.

The servers are tried in order. The next one is tried when no connection could be made in 10 seconds, or when it was
lost before the last byte of the message was sent. After that the server's answer is final; if none comes within 60
seconds the message may be queued there, and the exit status is 74.

A message of more than 256 KB that comes through a pipe is kept in a file without a name in TMPDIR, or /tmp.

CONTROL FILES

qmqpservers: one IP address a line, `192.0.2.1`, `192.0.2.1:6280`, `2001:db8::1` or `[2001:db8::1]:6280`; the port is
628 unless it is given. Other lines are passed over.

With `/tls` behind it a server is spoken to inside TLS, on port 6280 unless one is given, and never in clear:
`192.0.2.1/tls:pin:PIN`, `192.0.2.1:7000/tls:verify:hub.example`, `192.0.2.1/tls:encrypt`. What stands behind the colon
is a policy as in control/tlspolicy. With `/tls` alone the line of control/tlspolicy for `[192.0.2.1]` or for everybody
else counts, and without a demand there with whom we talk is not asked. A server whose policy is not met is passed over
like one that cannot be reached.

servercert.pem, tlscert, tlskey: our own certificate and key, shown to servers inside TLS, which know us by it; they
must be readable for whoever sends. tlsca: authorities that `verify` trusts besides the system's own.

DESCRIPTORS

If the caller listens on descriptor 6, which is what qmail's programs do when they run qmail-queue, a server's refusal
is written there, its letter first, and the exit status is 82; the caller then tells its own user what the server said.
So is the reason why there was no TLS with the last of the servers.

EXIT STATUS

0 queued there; 11 an address is longer than 1002 bytes; 31 refused for good; 51 out of memory; 53 no room to keep the
message; 54 read error; 55 no qmqpservers, or no usable line in it; 56 no socket; 61 no home directory; 71 refused for
now; 72 the last connection attempt timed out; 73 the last connection attempt failed; 74 connection lost; 82 refused,
and the server's text is on descriptor 6; 91 the envelope is malformed, or not complete.

SEE ALSO

qmail-queue(8), qmail-qmqpd(8), qmail-control(5)
"""

from __future__ import annotations

import os
import stat

from qmtwist.agents.submit.qmqpc import forward

OWN_TEXT = 82
LISTENER = 6
_ONE_LINE = bytes(byte if 32 <= byte <= 126 or byte >= 128 else 63 for byte in range(256))


def main(arguments: list[bytes], home: str) -> int:
    """Arguments are ignored, as qmail-queue does; the exit status."""
    has_listener = is_heard(LISTENER)  # before a file of our own gets the number
    try:
        outcome = forward(home, 0, 1)
    except MemoryError:
        return 51
    # a text of two bytes is not looked at
    if has_listener and len(outcome.text) > 2:
        try:
            os.write(LISTENER, outcome.text.translate(_ONE_LINE))
            return OWN_TEXT
        except OSError:
            pass
    return outcome.code


def is_heard(descriptor: int) -> bool:
    """Whether it is a pipe or socket that can be written to."""
    import fcntl

    try:
        mode = os.fstat(descriptor).st_mode
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return False
    return (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and flags & os.O_ACCMODE != os.O_RDONLY

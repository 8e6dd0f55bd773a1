"""Ask the client's host which of its users has a connection, and wait for the answer. (RFC 1413)"""

from __future__ import annotations

import time
from _socket import AF_INET, AF_INET6, SOCK_STREAM, socket

from qmtwist.wire import ident

from .ends import Ends


def ask(ends: Ends, timeout_s: float) -> bytes | None:
    """Up to 256 bytes; empty if the host does not tell, None if it cannot be asked or takes longer than `timeout_s`
    for everything together.
    """
    deadline = time.monotonic() + timeout_s
    sock = socket(AF_INET6 if b":" in ends.local_ip else AF_INET, SOCK_STREAM)
    try:
        sock.bind((ends.local_ip.decode("ascii"), 0))
        sock.settimeout(_left(deadline))
        sock.connect((ends.remote_ip.decode("ascii"), ident.PORT))
        sock.settimeout(_left(deadline))
        sock.send(ident.query(ends.remote_port, ends.local_port))  # a fresh connection takes it in one piece
        reply = ident.Reply()
        while True:
            sock.settimeout(_left(deadline))
            data = sock.recv(1024)
            if not data:
                return None
            info = reply.receive(data)
            if info is not None:
                return info
    except OSError:  # among them TimeoutError
        return None
    finally:
        sock.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left

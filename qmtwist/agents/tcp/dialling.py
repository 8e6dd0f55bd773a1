"""Connect to the first of several addresses that answers. (ucspi-tcp tcpclient.c)"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

from qmtwist.mail.reasons import reason

ANY = ("", 0)
Failure = tuple[str, bytes]  # an address, and why it was no use


def dial(
    addresses: list[str], port: int, timeouts_s: tuple[int, int] = (2, 58), own: tuple[str, int] = ANY
) -> tuple[socket | None, list[Failure]]:
    """A connection to one of these addresses, and what failed before.

    Each gets the first number of seconds; then those that did not answer get the second, unless it is 0. `own` is the
    address and port to connect from, as far as that matters.
    """
    failures: list[Failure] = []
    for timeout_s in timeouts_s:
        slow = []
        for address in addresses:
            sock = socket(AF_INET6 if ":" in address else AF_INET, SOCK_STREAM)
            try:
                _connect(sock, (address, port), timeout_s, own)
            except TimeoutError:
                sock.close()
                slow.append(address)
                if timeout_s == timeouts_s[-1] or not timeouts_s[1]:
                    failures.append((address, b"timed out"))
            except OSError as error:
                sock.close()
                failures.append((address, reason(error)))
            else:
                sock.setblocking(True)
                return sock, failures
        if not timeouts_s[1]:
            break
        addresses = slow
    return None, failures


def _connect(sock: socket, to: tuple[str, int], timeout_s: int, own: tuple[str, int]) -> None:
    if own != ANY:
        sock.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        sock.bind((own[0] or ("::" if ":" in to[0] else "0.0.0.0"), own[1]))
    sock.settimeout(timeout_s or 0.001)  # 0 would mean not to wait for an answer at all
    sock.connect(to)

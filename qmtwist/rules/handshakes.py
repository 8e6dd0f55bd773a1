"""TLS handshakes that fail: how a failure is said, and with whom one failed lately."""

from __future__ import annotations

from qmtwist.mail.errors import Temporary

KEPT_S = 900
MAX_HOSTS = 1000


class HandshakeFailed(Temporary):
    """No TLS with this host now. `text` is why, without full stop; a ClientSession makes a report of `why`."""

    @property
    def why(self) -> bytes:
        """The text as it goes into a report: one line of ASCII, whatever a certificate contained."""
        clean = "".join(character if " " <= character <= "~" else "?" for character in self.text)
        return clean.encode("ascii")


class FailedHandshakes:
    """Hosts that are spoken to in clear for a while, where control/tlspolicy says `may`.

    Kept by whoever makes connections, for as long as he lives; bounded, the oldest failure is forgotten first. Times
    are seconds of any clock that only goes forward.
    """

    def __init__(self, kept_s: float = KEPT_S, max_hosts: int = MAX_HOSTS) -> None:
        self._kept_s = kept_s
        self._max_hosts = max_hosts
        self._failed: dict[tuple[str, bytes], float] = {}  # in the order of their times

    def remember(self, address: str, name: bytes, now: float) -> None:
        """A handshake with the host of this name at this address has failed."""
        self._failed.pop((address, name), None)
        self._failed[address, name] = now
        if len(self._failed) > self._max_hosts:
            del self._failed[next(iter(self._failed))]

    def is_recent(self, address: str, name: bytes, now: float) -> bool:
        """Whether one has failed in the last `kept_s` seconds."""
        failed = self._failed.get((address, name))
        if failed is None:
            return False
        if now - failed < self._kept_s:
            return True
        del self._failed[address, name]
        return False

    def forget(self, address: str, name: bytes) -> None:
        """That one has failed counts no longer."""
        self._failed.pop((address, name), None)

    def __len__(self) -> int:
        return len(self._failed)


def is_for_want_of_tls(text: bytes) -> bool:
    """Whether the text of a failure tells of a host that insists on TLS. (RFC 3207 §4)

    >>> is_for_want_of_tls(b"Remote host said: 530 5.7.0 Must issue a STARTTLS command first")
    True
    """
    return b"Remote host said: 530" in text

"""IDENT, the asking side: which user of the client's host has this connection. (RFC 1413)"""

from __future__ import annotations

PORT = 113
INFO_BYTES = 256
_IGNORED = b" \t\r"


def query(remote_port: int, local_port: int) -> bytes:
    """What to send to the client's host.

    >>> query(33215, 25)
    b'33215 , 25\\r\\n'
    """
    return b"%d , %d\r\n" % (remote_port, local_port)


class Reply:
    """One reply line, cut anywhere. Blanks, tabs and CRs count nowhere, as in tcpserver."""

    def __init__(self) -> None:
        self._colons = 0
        self._info = b""

    def receive(self, data: bytes) -> bytes | None:
        """What stands behind the third colon, up to 256 bytes, once all of it is here; None: more is to come.

        A reply that reports an error has two colons only: its information is empty.

        >>> Reply().receive(b"3 , 25 : USERID : UNIX : joe\\r\\n"), Reply().receive(b"332 , 25 : ERROR : NO-USER\\r\\n")
        (b'joe', b'')
        """
        line, newline, _ = data.translate(None, _IGNORED).partition(b"\n")
        while self._colons < 3:
            _, colon, line = line.partition(b":")
            if not colon:
                break
            self._colons += 1
        self._info += line
        if newline or len(self._info) >= INFO_BYTES:
            return self._info[:INFO_BYTES].partition(b"\0")[0]
        return None

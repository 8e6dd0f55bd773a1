"""A tool's work on mailboxes that the disk, or the mailbox itself, does not allow."""

from __future__ import annotations

from qmtwist.mail.reasons import reason


class Refused(Exception):
    """`text` is what the program says behind its name and `fatal: `; bytes, because it may show file names."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class refusing:
    """`with refusing(b"unable to read x"):` makes of an OSError a `Refused` with this text and the system's reason."""

    __slots__ = ("_what",)

    def __init__(self, what: bytes) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, OSError):
            raise Refused(b"%s: %s" % (self._what, reason(error))) from error

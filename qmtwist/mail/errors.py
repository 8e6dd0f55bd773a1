"""The roots of all expected errors.

Anything else that is raised is a bug: it is caught at the guard posts only, logged with its traceback and
treated as temporary.
"""

from __future__ import annotations


class MailError(Exception):
    """Text for the person who reads the answer; `status` is an RFC 3463 code without the `#`."""

    def __init__(self, text: str, status: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Malformed(MailError):
    """Their bytes are wrong; `status` is what to answer."""


class Temporary(MailError):
    """Try later."""


class Permanent(MailError):
    """Never."""


class suppress:
    """`with suppress(OSError):` goes on after such an error; contextlib's takes as long to import as ten modules."""

    __slots__ = ("_kinds",)

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, self._kinds)

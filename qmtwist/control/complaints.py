"""What is wrong with control files, said so that it can be mended."""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

from .row import Row


class Complaint(NamedTuple):
    """What is wrong where; `line` counts from 1, 0 is the whole file. The text says what is allowed."""

    name: str
    line: int
    text: str

    def __str__(self) -> str:
        place = f"control/{self.name}" + (f":{self.line}" if self.line else "")
        return f"{place}: {self.text}"


class Complaints(Exception):
    """The control directory cannot be used; `complaints` has every reason, `warnings` what else was seen."""

    def __init__(self, complaints: tuple[Complaint, ...], warnings: tuple[Complaint, ...] = ()) -> None:
        super().__init__("; ".join(map(str, complaints)))
        self.complaints = complaints
        self.warnings = warnings


class Notes:
    """What was seen while files were read: what cannot be used, and what is probably not meant so."""

    def __init__(self) -> None:
        self.errors: list[Complaint] = []
        self.warnings: list[Complaint] = []

    def warn(self, row: Row, line: int, text: str) -> None:
        """Something is taken as it stands, but is probably not meant so."""
        self.warnings.append(Complaint(row.name, line, text))

    def refuse(self, row: Row, line: int, text: str) -> None:
        """Nothing can be made of it."""
        self.errors.append(Complaint(row.name, line, text))

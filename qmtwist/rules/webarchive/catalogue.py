"""What is known of the letters in an archive, without their texts: who answered whom, by month, by author.

A letter belongs to one that came before it, so what is known of the first letters does not change when more come.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from hashlib import blake2b

from qmtwist.mail.date import civil
from qmtwist.mail.datetext import Moment, parse
from qmtwist.mail.decodedword import decoded_words
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterable, NamedTuple
from qmtwist.rules.lists.entries import arrival, author_name, bare_subject, is_reply

from .masking import Mask
from .mime import first

NO_SUBJECT = "(no subject)"
_SUBJECT_LETTERS = 300
_NAME_LETTERS = 80
_REFERENCES = 30  # the last ones of a letter
_KEY_BYTES = 8  # of what stands for a Message-ID or an author
_SAME_SUBJECT_S = 90 * 86400  # after that long an answer without a reference is a new thread
_EARLY_S = 86400  # that a clock may be ahead
_FIRST_S = 315532800  # 1980: there was no mail before


class Listed(NamedTuple):
    """One letter. `parent` is the number of the letter that it answers, or 0; `root` that of its thread's first."""

    number: int
    parent: int
    root: int
    time: int  # POSIX seconds
    written: str  # its date, as its author saw it
    subject: str
    author: str
    author_key: str
    message_key: str
    files: int = 0
    excerpt: str = ""  # the first words

    @property
    def month(self) -> str:
        """Such as 2026-11."""
        year, month, *_ = civil(self.time)
        return f"{year:04d}-{month:02d}"

    @property
    def day(self) -> str:
        """Such as 2026-11-21."""
        return self.month + f"-{civil(self.time)[2]:02d}"

    def line(self) -> bytes:
        """As it is kept."""
        return json.dumps(list(self), separators=(",", ":")).encode() + b"\n"


def listed(line: bytes) -> Listed | None:
    """What `line` made; None if it is something else."""
    try:
        values = json.loads(line)
        return Listed(*values) if isinstance(values, list) and len(values) == len(Listed._fields) else None
    except ValueError:
        return None


class Headed(NamedTuple):
    """What the header of a letter says that an archive needs."""

    time: int
    written: str
    subject: str  # without the list's prefix
    is_reply: bool
    author: str
    author_key: str
    message_key: str
    references: tuple[str, ...]  # keys of the letters that it answers; the last is the closest


class Reader:
    """Reads the headers of one list's letters."""

    def __init__(self, mask: Mask, secret: bytes, prefix: bytes, is_by_date_field: bool) -> None:
        self._mask = mask
        self._secret = secret[:64]
        self._prefix = prefix
        self._is_by_date_field = is_by_date_field

    def read(self, fields: list[Field], file_time: int) -> Headed:
        """`file_time` counts for a letter that has no date, in POSIX seconds."""
        said = decoded_words(first(fields, b"subject")).encode()
        prefix = decoded_words(self._prefix).encode()
        author = first(fields, b"from")
        time, written = self._when(fields, file_time)
        return Headed(
            time,
            written,
            self._mask(bare_subject(said, prefix).decode())[:_SUBJECT_LETTERS] or NO_SUBJECT,
            is_reply(said, prefix),
            self._mask(author_name(author))[:_NAME_LETTERS] or "nobody",
            self._key(_address(author)) or "nobody",
            self._key(first(fields, b"message-id").strip(b"<> ")),
            tuple([self._key(name) for name in _references(fields)]),
        )

    def _when(self, fields: list[Field], file_time: int) -> tuple[int, str]:
        """When it came, if that is known; and the date that it says."""
        said, came = parse(first(fields, b"date")), arrival(fields)
        latest = came.posix if came else file_time
        moment = came or said
        if said is not None and (self._is_by_date_field or came is None):
            moment = said if _FIRST_S <= said.posix <= latest + _EARLY_S else came
        time = max(moment.posix if moment else file_time, 0)
        return time, _worded(said or came, time)

    def _key(self, text: bytes) -> str:
        """What stands for a text that nobody is to read."""
        return blake2b(text, digest_size=_KEY_BYTES, key=self._secret).hexdigest() if text else ""


def _worded(moment: Moment | None, time: int) -> str:
    if moment is None:
        year, month, day, hour, minute, _ = civil(time)
        return f"{year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d} UTC"
    return moment.iso[:-9].decode() + moment.iso[-6:].decode()


def _address(author: bytes) -> bytes:
    inner = author.rpartition(b"<")[2].partition(b">")[0] if b"<" in author else author.partition(b"(")[0]
    return inner.strip().lower()


def _references(fields: list[Field]) -> list[bytes]:
    said = first(fields, b"references") + b" " + first(fields, b"in-reply-to")
    names = [piece.partition(b">")[0].strip() for piece in said.split(b"<")[1:]]
    return [name for name in names if name][-_REFERENCES:]


class Catalogue:
    """All letters of an archive, in the order of their numbers."""

    def __init__(self) -> None:
        self.letters: dict[int, Listed] = {}
        self.threads: dict[int, list[int]] = {}  # the number of the first, and of all
        self.months: dict[str, list[int]] = {}
        self.authors: dict[str, list[int]] = {}
        self.answers: dict[int, list[int]] = {}
        self.numbers: list[int] = []
        self._places: dict[int, int] = {}
        self._by_message: dict[str, int] = {}
        self._by_subject: dict[str, int] = {}

    def add(self, letter: Listed) -> None:
        """The next letter; its number is higher than those of all others."""
        number = letter.number
        self._places[number] = len(self.numbers)
        self.numbers.append(number)
        self.letters[number] = letter
        self.threads.setdefault(letter.root, []).append(number)
        self.months.setdefault(letter.month, []).append(number)
        self.authors.setdefault(letter.author_key, []).append(number)
        if letter.parent:
            self.answers.setdefault(letter.parent, []).append(number)
        if letter.message_key:
            self._by_message.setdefault(letter.message_key, number)
        self._by_subject[_subject_key(letter.subject)] = number

    def placed(self, number: int, headed: Headed, files: int, excerpt: str = "") -> Listed:
        """The letter with this number, after all that have been added."""
        parent = next((self._by_message[key] for key in reversed(headed.references) if key in self._by_message), 0)
        if not parent and headed.is_reply and headed.subject != NO_SUBJECT:
            same = self._by_subject.get(_subject_key(headed.subject), 0)
            if same and abs(headed.time - self.letters[same].time) < _SAME_SUBJECT_S:
                parent = self.letters[same].root
        root = self.letters[parent].root if parent else number
        return Listed(
            number, parent, root, headed.time, headed.written, headed.subject, headed.author, headed.author_key,
            headed.message_key, files, excerpt,
        )  # fmt: skip

    def beside(self, number: int, step: int) -> int:
        """The number of the letter before (-1) or after (1) one, or 0."""
        place = self._places[number] + step
        return self.numbers[place] if 0 <= place < len(self.numbers) else 0

    def beside_in_thread(self, number: int, step: int) -> int:
        """The same in its thread, by number."""
        thread = self.threads[self.letters[number].root]
        place = bisect_left(thread, number) + step
        return thread[place] if 0 <= place < len(thread) else 0

    def tree(self, root: int) -> Iterable[tuple[int, Listed]]:
        """The letters of a thread, each below what it answers, with how deep it stands."""
        waiting = [(0, root)]
        while waiting:
            depth, number = waiting.pop()
            yield depth, self.letters[number]
            waiting += [(depth + 1, answer) for answer in reversed(self.answers.get(number, []))]

    def touched_by(self, numbers: Iterable[int]) -> dict[int, None]:
        """The letters whose pages change when these are new: they, and those that lead to them."""
        found: dict[int, None] = {}
        for number in numbers:
            near = (number, self.beside(number, -1), self.beside_in_thread(number, -1), self.letters[number].parent)
            found |= {one: None for one in near if one}
        return found


def _subject_key(subject: str) -> str:
    return "".join(subject.lower().split())

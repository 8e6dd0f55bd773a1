"""Which messages belong together, by subject and by author: the files of ezmlm-archive.

    archive/subjects/XX/REST   HASH subject, then for each message  NUMBER:YYYYMM:HASH author
    archive/authors/XX/REST    HASH author, then for each message   NUMBER:YYYYMM:HASH subject
    archive/threads/YYYYMM     for each subject of a month          NUMBER:HASH [COUNT] subject

XX and REST together are the hash. COUNT messages of the month have this subject, NUMBER is the last of them.
"""

from __future__ import annotations

from itertools import pairwise

from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple

from .cookie import LENGTH

_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_LETTERS = frozenset(b"abcdefghijklmnop")


class Entry(NamedTuple):
    """One message in an index; `month` is YYYYMM, 0 if unknown."""

    number: int
    month: int
    subject_hash: bytes
    subject: bytes
    author_hash: bytes
    author: bytes


class Message(NamedTuple):
    """One message in the file of a subject or author: `text` is what the other of the two says, with its hash."""

    number: int
    month: int
    text: bytes


def entries(index: bytes) -> Iterator[Entry]:
    r"""The messages of an archive/N/index; lines that are none are left out.

    >>> a, b = b"a" * 20, b"b" * 20
    >>> [(e.number, e.month, e.author) for e in entries(b"7: %s hi\n\t1 Feb 2003 04:05:06 -0000;%s Joe\n" % (a, b))]
    [(7, 200302, b'Joe')]
    """
    lines = index.split(b"\n")
    for first, second in pairwise(lines):
        number, _, rest = first.partition(b": ")
        date, semicolon, writer = second.partition(b";")
        if not is_number(number) or second[:1] != b"\t" or not semicolon:
            continue
        subject_hash, _, subject = rest.partition(b" ")
        author_hash, _, author = writer.partition(b" ")
        if is_hash(subject_hash) and is_hash(author_hash):
            yield Entry(int(number), _month(date), subject_hash, subject, author_hash, author)


def is_hash(text: bytes) -> bool:
    """Whether a text is one of our hashes; a file is named after it."""
    return len(text) == LENGTH and _LETTERS.issuperset(text)


def is_number(text: bytes) -> bool:
    """Whether a text is the number of a message."""
    return text.isdigit() and len(text) < 10


def _month(date: bytes) -> int:
    words = date.split()
    if len(words) < 3 or words[1].lower() not in _MONTHS or not words[2].isdigit() or len(words[2]) != 4:
        return 0
    return int(words[2]) * 100 + _MONTHS[words[1].lower()]


class Together:
    """What has one subject, or one author: a file of archive/subjects or archive/authors."""

    def __init__(self, key: bytes, name: bytes) -> None:
        self.key = key
        self.name = name
        self.messages: list[Message] = []

    def read(self, data: bytes, before: int) -> None:
        """Take what the file has of messages before this number; its name goes on."""
        first, *lines = data.split(b"\n")
        if first.startswith(self.key + b" "):
            self.name = first[len(self.key) + 1 :]
        for line in lines:
            number, _, rest = line.partition(b":")
            month, _, text = rest.partition(b":")
            if is_number(number) and is_number(month) and int(number) < before:
                self.messages.append(Message(int(number), int(month), text))

    @property
    def title(self) -> bytes:
        """Its first line."""
        return self.key + b" " + self.name

    def add(self, message: Message) -> None:
        """A message that is new here."""
        self.messages.append(message)

    def data(self) -> bytes:
        """What the file says now."""
        self.messages.sort()
        lines = [b"%d:%d:%s\n" % message for message in self.messages]
        return self.title + b"\n" + b"".join(lines)

    def of_month(self, month: int) -> bytes:
        """The line for this subject in archive/threads."""
        numbers = [message.number for message in self.messages if message.month == month]
        return b"%d:%s [%d] %s\n" % (max(numbers), self.key, len(numbers), self.name)


def month_data(old: bytes, before: int, month: int, subjects: Iterable[Together]) -> bytes:
    """What archive/threads/`month` says, given what it said, and the subjects that have messages of that month now.

    What it said of messages from number `before` on does not count. The thread that was last extended stands last.
    """
    fresh = {together.key: together.of_month(month) for together in subjects}
    lines = [*fresh.values()]
    for line in old.split(b"\n"):
        number, _, rest = line.partition(b":")
        if is_number(number) and int(number) < before and rest[:LENGTH] not in fresh:
            lines.append(line + b"\n")
    lines.sort(key=lambda line: int(line.partition(b":")[0]))
    return b"".join(lines)

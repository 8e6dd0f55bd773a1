"""Make an archive for the browser, or bring it up to date. (qmtwist archive)"""

from __future__ import annotations

import json
import os

from qmtwist.mail.errors import Permanent, suppress
from qmtwist.mail.shapes import Iterable, NamedTuple
from qmtwist.rules.webarchive import lists, looks
from qmtwist.rules.webarchive.catalogue import Catalogue, Listed, Reader, listed
from qmtwist.rules.webarchive.frame import Frame
from qmtwist.rules.webarchive.letter import Content, content, letter_page
from qmtwist.rules.webarchive.masking import Mask
from qmtwist.rules.webarchive.mime import first, parse
from qmtwist.rules.webarchive.words import words
from qmtwist.store.lists.archive import kept, kept_path
from qmtwist.store.lists.bulk import Bulk
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import Lock, give_up
from qmtwist.store.lists.website import Website

from .wordfiles import WordFiles

LAYOUT = 1  # of the pages: another one makes them all anew
_LETTER_BYTES = 32 << 20
_ANEW, _SWEPT = b'"anew"\n', b'"swept"\n'  # what was made before is to be removed, and has been
_BATCH_LETTERS = 1000
_BATCH_BYTES = 24 << 20  # of text that is in memory until the pages are written


class Wishes(NamedTuple):
    """What somebody wants of an archive; None: as it was. An empty title is the list's address.

    With `is_anew` every page is made again.
    """

    title: str | None = None
    is_by_date_field: bool | None = None
    is_anew: bool = False


class Done(NamedTuple):
    """How many letters were added, and how many there are."""

    added: int
    all: int


def publish(directory: str, out: str, wishes: Wishes) -> Done:
    """Bring the archive in `out` up to date with the list in `directory`.

    :raises Permanent: `out` is no archive and not empty, or that of another list.
    :raises Temporary: some of it may be there; the next run does the rest.
    """
    place = ListDirectory(directory)
    with Lock(f"{directory}/lock"):  # so that the last number is that of a message
        last = place.number().last
    site = Website(out)
    with site.open():
        lines = site.known()
        settings = _settings(place, lines, wishes)
        if lines and not wishes.is_anew:
            _refuse_other(site, lines[0], settings)
        work = _Work(place, site, settings)
        work.prepare(lines, wishes.is_anew)
        before = len(work.known.numbers)
        while work.reached < last:
            work.batch(last)
        if not work.known.numbers:
            work.first_pages()
        if work.is_anew:
            work.sweep()
        return Done(len(work.known.numbers) - before, len(work.known.numbers))


class _Settings(NamedTuple):
    """What pages depend on, beside the letters."""

    layout: int
    title: str
    is_by_date_field: bool
    local: str
    host: str
    prefix: str

    def line(self) -> bytes:
        """The first line of what has been made."""
        return json.dumps(["archive", *self]).encode()


def _settings(place: ListDirectory, lines: list[bytes], wishes: Wishes) -> _Settings:
    local, host, prefix = place.line("outlocal"), place.line("outhost"), place.optional_line("prefix")
    title, is_by_date_field = "", False
    with suppress(ValueError, IndexError):
        title, is_by_date_field = json.loads(lines[0])[2:4]
    return _Settings(
        LAYOUT,
        str(title) if wishes.title is None else wishes.title,
        bool(is_by_date_field if wishes.is_by_date_field is None else wishes.is_by_date_field),
        *[text.decode("latin-1") for text in (local, host, prefix)],
    )


def _refuse_other(site: Website, line: bytes, settings: _Settings) -> None:
    """:raises Permanent: the pages are those of another list."""
    with suppress(ValueError, TypeError):
        was = _Settings(*json.loads(line)[1:])
        if (was.local, was.host) != (settings.local, settings.host):
            raise Permanent(f"{site.top} is the archive of {was.local}@{was.host}; --all takes its place")


class _Work:
    """One run: what is known, and how far it has come."""

    def __init__(self, place: ListDirectory, site: Website, settings: _Settings) -> None:
        local, host = settings.local, settings.host
        self._place = place
        self._site = site
        self._settings = settings.line()
        self._frame = Frame(settings.title or f"{local}@{host}", local, host)
        self._mask = Mask(local, host)
        prefix = settings.prefix.encode("latin-1")
        self._reader = Reader(self._mask, place.key(), prefix, settings.is_by_date_field)
        self.known = Catalogue()
        self.reached = 0  # the number of the last letter that was looked at
        self.is_anew = False  # there may be pages that do not belong there any more
        self._words = WordFiles(site)

    def prepare(self, lines: list[bytes], is_anew: bool) -> None:
        """Take up what has been made; forget it if it was made otherwise."""
        if not lines or lines[0] != self._settings or is_anew:
            self.is_anew = bool(lines)
            self._site.begin(self._settings + b"\n" + _ANEW * self.is_anew)
            return
        for line in lines[1:]:
            letter = listed(line)
            if letter is not None:
                self.known.add(letter)
                self.reached = letter.number
            elif line.isdigit():
                self.reached = int(line)
        self.is_anew = lines.count(_ANEW[:-1]) > lines.count(_SWEPT[:-1])
        self._words.read()

    def batch(self, last: int) -> None:
        """The next letters, with all pages that change by them."""
        fresh: dict[int, Content] = {}
        size = 0
        with Bulk() as files:
            while self.reached < last and len(fresh) < _BATCH_LETTERS and size < _BATCH_BYTES:
                self.reached += 1
                made = self._take(self.reached, files)
                if made is not None:
                    fresh[self.reached] = made
                    size += len(made.prose)
            self._pages(fresh, files)
            files.commit()
        lines = [self.known.letters[number].line() for number in fresh]
        if self.reached not in fresh:
            lines.append(b"%d\n" % self.reached)
        self._site.note(b"".join(lines))

    def first_pages(self) -> None:
        """The pages of an archive without letters."""
        with Bulk() as files:
            self._pages({}, files)
            files.commit()

    def _take(self, number: int, files: Bulk) -> Content | None:
        """Read a letter and list it; None if there is none, or its author wants it in no archive."""
        path, text = kept_path(self._place.path, number), kept(self._place.path, number, _LETTER_BYTES)
        if path is None or text is None:
            return None
        parsed = parse(text)
        if first(parsed.fields, b"x-no-archive").lower() == b"yes" or first(parsed.fields, b"archive").lower() == b"no":
            return None
        try:
            file_time = int(os.stat(path).st_mtime)
        except OSError as error:
            give_up(f"unable to read {path}", error)
        headed = self._reader.read(parsed.fields, file_time)
        shown = content(parsed, self._mask)
        letter = self.known.placed(number, headed, len(shown.files), shown.excerpt)
        self.known.add(letter)
        for file in shown.files:
            if file.extension:
                self._site.put(files, f"files/{number}/{file.place}.{file.extension}", file.data)
        self._words.add(number, words(f"{letter.subject}\n{letter.author}\n{shown.searched}"))
        return shown._replace(files=[file._replace(data=b"") for file in shown.files], searched="")

    def _again(self, number: int) -> Content:
        """The content of a letter whose page is there already."""
        text = kept(self._place.path, number, _LETTER_BYTES)
        return content(parse(text or b""), self._mask)

    def _pages(self, fresh: dict[int, Content], files: Bulk) -> None:
        known, frame = self.known, self._frame
        letters = [known.letters[number] for number in fresh]
        for number in known.touched_by(fresh):
            shown = fresh.get(number) or self._again(number)
            self._put(files, f"msg/{number}.html", letter_page(frame, known, number, shown))
        for root in dict.fromkeys([letter.root for letter in letters]):
            if len(known.threads[root]) > 1:
                self._put(files, f"thread/{root}.html", lists.thread_page(frame, known, root))
        for month in self._months(letters):
            self._put(files, f"month/{month}.html", lists.month_page(frame, known, month))
            self._put(files, f"month/{month}-date.html", lists.date_page(frame, known, month))
        for key in dict.fromkeys([letter.author_key for letter in letters]):
            self._put(files, f"author/{key}.html", lists.author_page(frame, known, key))
        self._words.write(files, [known.letters[number] for number in self._hundreds(fresh)])
        self._put(files, "authors.html", lists.authors_page(frame, known))
        self._put(files, "search.html", lists.search_page(frame))
        self._put(files, "style.css", looks.STYLE.encode())
        self._put(files, "search.js", looks.SCRIPT.encode())
        self._put(files, "index.html", lists.first_page(frame, known))

    def _put(self, files: Bulk, name: str, data: bytes) -> None:
        self._site.put(files, name, data)

    def _months(self, letters: Iterable[Listed]) -> list[str]:
        """The months whose pages change: theirs, those that lead to a new one, and those of threads that go on."""
        months = sorted(self.known.months)
        found: set[str] = set()
        for letter in letters:
            at = months.index(letter.month)
            found |= {*months[max(at - 1, 0) : at + 2], self.known.letters[letter.root].month}
        return sorted(found)

    def _hundreds(self, numbers: Iterable[int]) -> list[int]:
        """The letters of all hundreds that these numbers are in."""
        wanted = {number // 100 for number in numbers}
        near = [range(max(hundred * 100, 1), hundred * 100 + 100) for hundred in sorted(wanted)]
        return [number for numbers in near for number in numbers if number in self.known.letters]

    def sweep(self) -> None:
        """Remove pages that were made before, and do not belong there any more."""
        self._site.sweep(self._wanted())
        self._site.note(_SWEPT)

    def _wanted(self) -> frozenset[str]:
        """The names of all files that belong to the archive, in its folders; those of the search are new."""
        known = self.known
        names = {f"msg/{number}.html" for number in known.numbers}
        names |= {f"thread/{root}.html" for root, numbers in known.threads.items() if len(numbers) > 1}
        names |= {f"month/{month}{kind}.html" for month in known.months for kind in ("", "-date")}
        names |= {f"author/{key}.html" for key in known.authors}
        for number, letter in known.letters.items():
            if letter.files:
                found = self._again(number).files
                names |= {f"files/{number}/{file.place}.{file.extension}" for file in found if file.extension}
        return frozenset(names)

"""The pages that lead to letters: the first one, a month's, a thread's, an author's."""

from __future__ import annotations

from html import escape

from qmtwist.mail.shapes import Iterable, Iterator, Sequence

from .catalogue import Catalogue, Listed
from .frame import SHORT_MONTHS, Frame, author_link, link_to, month_name, number_of, section

_LATEST = 20  # threads on the first page
_HEATS = 4
_TREE_DEPTH = 8  # of answers to answers that are moved to the right
_MAIL = (("subscribe", "Join the list"), ("unsubscribe", "Leave it"), ("help", "Help by mail"))


def first_page(frame: Frame, known: Catalogue) -> bytes:
    """What was written last, and all months."""
    threads = sorted(known.threads.values(), key=lambda numbers: -numbers[-1])[:_LATEST]
    people = len(known.authors)
    counts = (
        f"{number_of(len(known.numbers), 'letter', 'letters')} in {number_of(len(known.threads), 'thread', 'threads')}"
        f" by {number_of(people, 'author', 'authors')}"
    )
    ways = "".join([f'<a href="{frame.mailto(word)}">{said}</a>' for word, said in _MAIL])
    rows = "".join([_thread_row(known, numbers, numbers, "") for numbers in threads])
    latest = f'<ul class="rows">{rows}</ul>' if rows else '<p class="note">There are no letters yet.</p>'
    body = [
        f"<h1>{escape(frame.title)}</h1>",
        f'<p class="lead">{counts}</p>',
        '<div class="cols"><div>',
        section("Latest threads", latest),
        "</div><div>",
        section("By month", _months(known)) if known.months else "",
        section("Write", f'<p class="note">{escape(frame.address)}</p><div class="ways">{ways}</div>'),
        "</div></div>",
    ]
    return frame.page("", body, up="")


def _months(known: Catalogue) -> str:
    """A row a year, a cell a month; the deeper its colour the more was written."""
    most = max(len(numbers) for numbers in known.months.values())
    rows = []
    for year in sorted({month[:4] for month in known.months}, reverse=True):
        cells = []
        for at, name in enumerate(SHORT_MONTHS, 1):
            month = f"{year}-{at:02d}"
            count = len(known.months.get(month, ()))
            heat = max(1, -(-count * _HEATS // most))
            said = f'<a class="h{heat}" href="month/{month}.html" title="{count:,}">{name[0]}</a>'
            cells.append(f"<td>{said if count else f'<i>{name[0]}</i>'}</td>")
        rows.append(f"<tr><th>{int(year)}</th>{''.join(cells)}</tr>")
    return f'<table class="months">{"".join(rows)}</table>'


def _thread_row(known: Catalogue, shown: Sequence[int], all_of_it: Sequence[int], up: str) -> str:
    """A thread: `shown` are its letters that matter on this page."""
    root, last = known.letters[all_of_it[0]], known.letters[shown[-1]]
    names = list(dict.fromkeys([known.letters[number].author for number in shown]))
    people = ", ".join([f"<bdi>{escape(name)}</bdi>" for name in names[:4]]) + (" and others" if len(names) > 4 else "")
    many = len(shown)
    alone = f"{up}msg/{root.number}.html"
    to = f"{up}thread/{root.number}.html" if len(all_of_it) > 1 else alone
    count = f'<span class="count" title="{number_of(many, "letter", "letters")}">{many:,}</span>'
    return (
        f'<li><div class="what"><a href="{to}"><bdi>{escape(root.subject)}</bdi></a> {count if many > 1 else ""}'
        f'<small>{people}</small></div><span class="meta">{last.day}</span></li>\n'
    )


def month_page(frame: Frame, known: Catalogue, month: str) -> bytes:
    """The threads in which something was written that month, the latest first."""
    by_thread: dict[int, list[int]] = {}
    for number in known.months[month]:
        by_thread.setdefault(known.letters[number].root, []).append(number)
    threads = sorted(by_thread.items(), key=lambda pair: -pair[1][-1])
    rows = "".join([_thread_row(known, numbers, known.threads[root], "../") for root, numbers in threads])
    lead = f"{number_of(len(threads), 'thread', 'threads')} - <a href='{month}-date.html'>by date</a>"
    return frame.page(month_name(month), _month_body(known, month, lead, f'<ul class="rows">{rows}</ul>', ""))


def date_page(frame: Frame, known: Catalogue, month: str) -> bytes:
    """The letters of a month, day by day, the latest last."""
    lead = f"{number_of(len(known.months[month]), 'letter', 'letters')} - <a href='{month}.html'>by thread</a>"
    letters = [known.letters[number] for number in known.months[month]]
    rows = "".join(_days(letters))
    return frame.page(month_name(month) + ", by date", _month_body(known, month, lead, rows, "-date"))


def _month_body(known: Catalogue, month: str, lead: str, rows: str, kind: str) -> Iterator[str]:
    months = sorted(known.months)
    at = months.index(month)
    before = months[at - 1] if at else ""
    after = months[at + 1] if at + 1 < len(months) else ""
    steps = [
        f'<a rel="prev" href="{before}{kind}.html">&larr; {month_name(before)}</a>' if before else "<span></span>",
        f'<a rel="next" href="{after}{kind}.html">{month_name(after)} &rarr;</a>' if after else "",
    ]
    yield f'<h1>{month_name(month)}</h1><p class="lead">{lead}</p>'
    yield section("", rows)
    yield f'<nav class="steps">{"".join(steps)}</nav>'


def _days(letters: Iterable[Listed]) -> Iterator[str]:
    day = ""
    for letter in letters:
        if letter.day != day:
            yield f'{"</ul>" if day else ""}<p class="day">{letter.day}</p><ul class="rows">'
            day = letter.day
        yield _letter_row(letter, f"<small>{author_link(letter, '../')}</small>", "")
    yield "</ul>"


def _letter_row(letter: Listed, below: str, beside: str) -> str:
    files = f' <span class="count">{number_of(letter.files, "file", "files")}</span>' if letter.files else ""
    meta = f'<span class="meta">{beside}</span>' if beside else ""
    return f'<li><div class="what">{link_to(letter, "../")}{files}{below}</div>{meta}</li>\n'


def thread_page(frame: Frame, known: Catalogue, root: int) -> bytes:
    """Who answered whom."""
    numbers = known.threads[root]
    head, last = known.letters[root], known.letters[numbers[-1]]
    month = f'<a href="../month/{head.month}.html">{month_name(head.month)}</a>'
    until = f" to {last.day}" if last.day != head.day else ""
    people = len({known.letters[number].author_key for number in numbers})
    lead = f"{number_of(len(numbers), 'letter', 'letters')} by {number_of(people, 'author', 'authors')}"
    body = [
        f'<p class="crumbs">{month}</p><h1><bdi>{escape(head.subject)}</bdi></h1>',
        f'<p class="lead">{lead}, {head.day}{until}</p>',
        section("", tree(known, root), "tree"),
    ]
    return frame.page(head.subject, body)


def tree(known: Catalogue, root: int) -> str:
    """A thread as lists in lists."""
    said: list[str] = []
    at = -1
    for depth, letter in known.tree(root):
        depth = min(depth, _TREE_DEPTH)
        said.append("<ul>" if depth > at else "</li>" + "</ul></li>" * (at - depth))
        at = depth
        above = known.letters.get(letter.parent, letter)
        other = "" if above.subject == letter.subject else f" - <bdi>{escape(letter.subject)}</bdi>"
        name = f'<a href="../msg/{letter.number}.html"><b><bdi>{escape(letter.author)}</bdi></b>{other}</a>'
        excerpt = f"<small><bdi>{escape(letter.excerpt)}</bdi></small>" if letter.excerpt else ""
        said.append(f'<li>{name} <span class="meta">{letter.day}</span>{excerpt}')
    return "".join(said) + "</li></ul>" * (at + 1)


def author_page(frame: Frame, known: Catalogue, key: str) -> bytes:
    """What somebody wrote, the latest first."""
    letters = [known.letters[number] for number in reversed(known.authors[key])]
    rows = "".join([_letter_row(letter, "", letter.day) for letter in letters])
    name = letters[0].author
    body = [
        f'<p class="crumbs"><a href="../authors.html">Authors</a></p><h1><bdi>{escape(name)}</bdi></h1>',
        f'<p class="lead">{number_of(len(letters), "letter", "letters")}</p>',
        section("", f'<ul class="rows">{rows}</ul>'),
    ]
    return frame.page(name, body)


def authors_page(frame: Frame, known: Catalogue) -> bytes:
    """Everybody who wrote."""
    people = [(known.letters[numbers[-1]], len(numbers)) for numbers in known.authors.values()]
    people.sort(key=lambda pair: (pair[0].author.lower(), pair[0].author_key))
    rows = "".join(
        [
            f'<li><div class="what">{author_link(letter, "")}</div><span class="meta">{letter.day}</span>'
            f'<span class="count" title="{number_of(count, "letter", "letters")}">{count:,}</span></li>\n'
            for letter, count in people
        ]
    )
    body = [
        f'<h1>Authors</h1><p class="lead">{number_of(len(people), "person", "people")}, with the day of their latest'
        " letter</p>",
        section("", f'<ul class="rows">{rows}</ul>'),
    ]
    return frame.page("Authors", body, up="")


def search_page(frame: Frame) -> bytes:
    """Where to type words."""
    body = [
        "<h1>Search</h1>",
        '<form class="big" action="search.html" role="search"><input type="search" name="q" aria-label="words">'
        "<button>Search</button></form>",
        '<p class="lead" id="line" role="status"></p>',
        '<noscript><p class="note">The search is a script that runs in your browser. Without it, look through the'
        ' <a href="index.html">months</a> and the <a href="authors.html">authors</a>.</p></noscript>',
        '<section class="empty"><ul class="rows" id="result"></ul></section>',
        '<p class="note">Letters that have all of the words, or words that begin like them. Quoted lines do not'
        " count.</p>",
    ]
    head = '<script src="search.js" defer></script>'
    return frame.page("Search", body, up="", head=head, has_script=True)

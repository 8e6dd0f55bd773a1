"""The entries of an archive's index: two lines for each message, in archive/N/index. (ezmlm-send, ezmlm-idx)

    NUMBER: HASH-OF-SUBJECT subject
    <TAB>date;HASH-OF-AUTHOR author

Subject and author are decoded, as UTF-8, and an author without a name has a dot for the @. The hashes are ezmlm-idx's.
"""

from __future__ import annotations

from qmtwist.mail.datetext import Moment, parse
from qmtwist.mail.decodedword import decoded_words
from qmtwist.mail.header import Field

from .cookie import hash32, letters
from .heading import value

_NO_SEED = (0,) * 32
_REPLIES = (b"re", b"aw", b"sv", b"vs", b"fw", b"fwd", b"wg", b"tr", b"antw", b"antwort", b"odp", b"ynt")
_REPLY_BYTES = 12  # of a word that says that it is an answer, such as `Antwort[2]:`
_SHOWN_BYTES = 500  # of a subject or an author
_REMEMBERED = 5000  # hashes: in an archive the same subjects and authors come again and again
_HASHES: dict[bytes, bytes] = {}


def index_entry(number: int, fields: list[Field], prefix: bytes = b"", is_by_date_field: bool = False) -> bytes:
    r"""The two lines of a message; `prefix` is what the list puts before subjects.

    Its date is that of its arrival, or with `is_by_date_field` the one that its author gave it.

    >>> index_entry(5, [Field(b"subject", b"Subject: Re: Hello World\n"), Field(b"from", b"From: Joe <joe@x.y>\n")])
    b'5: ooglnecamlenokomobla Re: Hello World\n\t;bkdbcdokjldkgbbhholg Joe\n'
    """
    said = decoded_words(_first(fields, b"subject")).encode()
    subject = bare_subject(said, prefix)
    if is_reply(said, prefix):
        shown = b"Re: " + subject
    else:
        shown = subject
    author = _first(fields, b"from")
    when = (_date(_first(fields, b"date")) if is_by_date_field else b"") or _date(_arrival(fields))
    return b"%d: %s %s\n\t%s;%s %s\n" % (
        number,
        text_hash(subject),
        _cut(shown),
        when,
        text_hash(_author_key(author)),
        _cut(author_name(author).replace("@", ".").encode()),
    )


def arrival(fields: list[Field]) -> Moment | None:
    """When a message arrived here, by the topmost Received field."""
    return parse(_arrival(fields))


def _arrival(fields: list[Field]) -> bytes:
    return _first(fields, b"received").rpartition(b";")[2]


def _date(text: bytes) -> bytes:
    """A date as it is in an index: as it was written, if that begins with day, month and a year of four digits."""
    moment = parse(text)
    words = text.rpartition(b",")[2].split()[:5]
    if moment is None or len(words) < 5 or not words[0].isdigit() or len(words[2]) != 4:
        return moment.header if moment else b""
    return b" ".join(words)


def shown_index(index: bytes) -> bytes:
    r"""An index as people read it: without the hashes.

    >>> shown_index(b'5: ooglnecamlenokomobla Re: Hello World\n\t;bkdbcdokjldkgbbhholg Joe\n')
    b'5: Re: Hello World\n\tJoe\n'
    """
    shown = []
    for line in index.split(b"\n")[:-1]:
        if line[:1] == b"\t":
            shown.append(b"\t" + line.partition(b";")[2].partition(b" ")[2])
        else:
            number, _, rest = line.partition(b" ")
            shown.append(number + b" " + rest.partition(b" ")[2])
    return b"".join([line + b"\n" for line in shown])


def text_hash(text: bytes) -> bytes:
    """Twenty letters for a text, in which case and blanks do not count."""
    bare = text.lower().replace(b" ", b"").replace(b"\t", b"")
    if bare not in _HASHES:
        if len(_HASHES) >= _REMEMBERED:
            _HASHES.clear()
        _HASHES[bare] = letters(hash32(_NO_SEED, bare))
    return _HASHES[bare]


def bare_subject(subject: bytes, prefix: bytes = b"") -> bytes:
    """A subject without what says that it is an answer, and without the list's prefix.

    >>> bare_subject(b"Re: RE[2]: Fwd: hello"), bare_subject(b"Re: [l] AW: [l] hello", b"[l]"), bare_subject(b"a: b")
    (b'hello', b'hello', b'a: b')
    """
    return _trimmed(subject, prefix)[0]


def is_reply(subject: bytes, prefix: bytes = b"") -> bool:
    """Whether a subject says that it is an answer.

    >>> is_reply(b"[l] Re: hello", b"[l]"), is_reply(b"Really: hello")
    (True, False)
    """
    return _trimmed(subject, prefix)[1]


def _trimmed(subject: bytes, prefix: bytes) -> tuple[bytes, bool]:
    text, is_answer = subject.strip(), False
    while True:
        word, colon, _ = text[:_REPLY_BYTES].partition(b":")
        if colon and word.lower().rstrip(b"0123456789[]()^ ") in _REPLIES:
            text, is_answer = text[len(word) + 1 :].lstrip(), True
        elif prefix and text.lower().startswith(prefix.lower()):
            text = text[len(prefix) :].lstrip()
        else:
            return text, is_answer


def author_name(author: bytes) -> str:
    """What somebody is called who wrote this From field: their name, or else what the field says.

    >>> author_name(b'"Joe Q." <joe@x.y>'), author_name(b"joe@x.y (Joe)"), author_name(b"joe@x.y")
    ('Joe Q.', 'Joe', 'joe@x.y')
    """
    name, bracket, _ = author.partition(b"<")
    if bracket and name.strip(b' \t"'):
        return decoded_words(name.strip().strip(b'"').replace(b"\\", b""))
    plain, bracket, comment = author.partition(b"(")
    if bracket and b"@" in plain and comment.strip(b" )"):
        return decoded_words(comment.strip().rstrip(b")"))
    return decoded_words(author)


def _first(fields: list[Field], name: bytes) -> bytes:
    return next((value(field) for field in fields if field.name == name), b"")


def _cut(text: bytes) -> bytes:
    """Not too much of it, and no half of a character."""
    return text if len(text) <= _SHOWN_BYTES else text[:_SHOWN_BYTES].decode("utf-8", "ignore").encode()


def _author_key(author: bytes) -> bytes:
    """What is the same in all messages of an author, as ezmlm-idx sees it: the address from its bracket on, up to the
    first `-`, and its host.
    """
    at = author.rfind(b"@")
    if at < 0:
        return author
    start = max(author.rfind(mark, 0, at) for mark in (b"<", b" ", b";"))
    ends = [end for end in (author.find(mark, at) for mark in (b">", b" ", b";")) if end >= 0]
    return author[max(start, 0) : at].partition(b"-")[0] + author[at : min(ends, default=len(author))]

"""The words of an archive, for the search in the browser.

A word's letters are bare and small: no accents, no capitals. Chinese and Japanese, which have no blanks, are taken in
pairs. A word belongs to a shard, and each shard is one small file. `looks.SCRIPT` does the same with what people type.
"""

from __future__ import annotations

import json
import re
import unicodedata

from qmtwist.mail.shapes import Iterable, Mapping

LONGEST, SHORTEST = 24, 2
WORDS = 1500  # of a letter
_WORD = re.compile(r"[^\W_]+")
_IDEOGRAPHS = 0x2E80  # from here on
_MARKS = "\u0300"  # the first one
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def words(text: str) -> dict[str, None]:
    """The different words of a text, in order.

    >>> list(words("Zoë's 漢字変換, mail_list HELLO a"))
    ['zoe', '漢字', '字変', '変換', 'mail', 'list', 'hello']
    """
    if not text.isascii():
        text = "".join(
            [one for one in unicodedata.normalize("NFKD", text) if one < _MARKS or unicodedata.category(one)[0] != "M"]
        )
    found: dict[str, None] = {}
    for word in _WORD.findall(text.lower()):
        if ord(max(word)) >= _IDEOGRAPHS:
            found |= dict.fromkeys([word[at : at + 2] for at in range(max(len(word) - 1, 1))])
        else:
            found[word[:LONGEST]] = None
        if len(found) >= 2 * WORDS:
            break
    return dict.fromkeys([word for word in found if len(word) >= SHORTEST][:WORDS])


def shard(word: str) -> str:
    """The name of the shard that a word is in: by its first two letters.

    >>> shard("hello"), shard("漢字")
    ('68-65', 'x1bc')
    """
    code = ord(word[0])
    return f"x{code >> 6:x}" if code >= _IDEOGRAPHS else f"{code:x}-{ord(word[1]):x}"


def shard_text(name: str, table: Mapping[str, list[int]]) -> bytes:
    """A shard's file: each word with the numbers of its letters, as steps.

    >>> shard_text("68-65", {"hello": [3, 40, 41]})
    b'archive.words("68-65",{"hello":"3 11 1"});\\n'
    """
    steps = {word: " ".join(_steps(table[word])) for word in sorted(table)}
    return b"archive.words(%s,%s);\n" % (_json(name), _json(steps))


def shard_table(data: bytes) -> dict[str, list[int]]:
    """What `shard_text` made; nothing from something else."""
    _, comma, rest = data.partition(b",")
    try:
        steps = json.loads(rest.strip().removesuffix(b");")) if comma else {}
        return {word: _numbers(text) for word, text in steps.items()}
    except (ValueError, AttributeError):
        return {}


def recent_text(base: int, fresh: Mapping[int, Iterable[str]]) -> bytes:
    """The file with the words of the letters after number `base`, which are not in the shards yet."""
    table = {str(number): " ".join(found) for number, found in fresh.items()}
    return b"archive.recent(%d,%s);\n" % (base, _json(table))


def recent_table(data: bytes) -> tuple[int, dict[int, list[str]]]:
    """What `recent_text` made."""
    start, comma, rest = data.partition(b",")
    base = start.rpartition(b"(")[2]
    if not comma or not base.isdigit():
        return 0, {}
    try:
        table = json.loads(rest.strip().removesuffix(b");"))
        return int(base), {int(number): text.split() for number, text in table.items()}
    except (ValueError, AttributeError):
        return 0, {}


def letters_text(hundred: int, rows: Iterable[tuple[int, str, str, str]]) -> bytes:
    """The file that says what a hundred letters are called: number, subject, author, day."""
    return b"archive.letters(%d,%s);\n" % (hundred, _json([list(row) for row in rows]))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _steps(numbers: Iterable[int]) -> Iterable[str]:
    before = 0
    for number in sorted(set(numbers)):
        yield _base36(number - before)
        before = number


def _base36(number: int) -> str:
    text = ""
    while number or not text:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text


def _numbers(text: str) -> list[int]:
    found, before = [], 0
    for step in text.split():
        before += int(step, 36)
        found.append(before)
    return found

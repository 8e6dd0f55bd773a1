"""The words of a header as text: what encodedword makes, read. (RFC 2047)"""

from __future__ import annotations

from binascii import a2b_base64, a2b_qp

from .charset import decoded_text, is_shown

_READ_BYTES = 2000  # of a word that is read: many are longer than they may be


def decoded_words(text: bytes) -> str:
    r"""What a field's text says, on one line: encoded words are decoded, and blanks between two of them do not count.

    Nothing fails: what is no good word stays as it is, and bytes that are not ASCII are read as well as they can be.

    >>> decoded_words(b"=?utf-8?q?Zo=C3=AB?= =?ISO-8859-1?Q?_M=FCller?= <zoe@x>"), decoded_words(b"a =?x?= b")
    ('Zoë Müller <zoe@x>', 'a =?x?= b')
    """
    said: list[str] = []
    at = 0
    pending: tuple[bytes, bytes] | None = None  # charset and bytes of the words so far: a character may be cut in two
    while True:
        start = text.find(b"=?", at)
        word = _word(text, start) if start >= 0 else None
        between = text[at : start if word else (start + 2 if start >= 0 else len(text))]
        if between.strip() or word is None:
            said += [decoded_text(pending[1], pending[0])] if pending else []
            pending = None
            said.append(decoded_text(between, b""))
        elif pending is None:
            said.append(" " * bool(between))
        if word is not None:
            charset, data, at = word
            if pending and pending[0] == charset:
                pending = charset, pending[1] + data
            else:
                said += [decoded_text(pending[1], pending[0])] if pending else []
                pending = charset, data
        elif start < 0:
            return "".join([one if is_shown(one) else " " for one in "".join(said)]).strip()
        else:
            at = start + 2


def _word(text: bytes, start: int) -> tuple[bytes, bytes, int] | None:
    """The charset (in lower case) and bytes of the encoded word that begins there, and where it ends."""
    mark = text.find(b"?", start + 2, start + 80)
    if mark < 0 or text[mark + 2 : mark + 3] != b"?":
        return None
    end = text.find(b"?=", mark + 3, mark + 3 + _READ_BYTES)
    if end < 0:
        return None
    charset, kind, coded = text[start + 2 : mark], text[mark + 1 : mark + 2].lower(), text[mark + 3 : end]
    charset = charset.partition(b"*")[0].lower()  # RFC 2231 §5: a language may follow
    try:
        if kind == b"b":
            data = a2b_base64(coded + b"=" * (-len(coded) % 4))
        elif kind == b"q":
            data = a2b_qp(coded, header=True)
        else:
            return None
    except ValueError:
        return None
    return charset, data, end + 2

"""What a list answers, and what it writes to a subscriber whose mail comes back. (ezmlm-manage, ezmlm-warn)"""

from __future__ import annotations

from qmtwist.mail.address import quote
from qmtwist.mail.date import rfc822
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import NamedTuple

from .address import boxed
from .macros import filled

OWN_REQUEST_BYTES = 10_000  # of a request that are shown to who sent it
OTHER_REQUEST_BYTES = 1_000  # and to somebody else: enough to see who asked, too little to carry a stranger's message
_PASSED_ON = (b"received", b"delivered-to")


class List(NamedTuple):
    """A list as its letters name it. `main` is for the digest, and other lists that are parts of one: the list that
    they are parts of.
    """

    local: bytes
    host: bytes
    mailinglist: bytes
    main: bytes = b""

    def address(self, extension: bytes = b"") -> bytes:
        """Its address, or one of those that belong to it.

        >>> List(b"list", b"h.dom", b"").address(b"help")
        b'list-help@h.dom'
        """
        return self.local + (b"-" + extension if extension else b"") + b"@" + self.host

    @property
    def mark(self) -> bytes:
        """What the Delivered-To field of an answer says."""
        return b"responder for " + self.address()

    def fill(self, text: bytes) -> bytes:
        """A text with the list's address in its places. What is a part of a list has an address of its own, by which
        people join and leave; everything else they ask of the list.

        >>> part = List(b"list-digest", b"h", b"", b"list")
        >>> part.fill(b"<#l#>@<#h#> <#l#>-subscribe@<#h#> <#l#>-get.1@<#h#> <#L#>@<#H#>")
        b'list-digest@h list-digest-subscribe@h list-get.1@h list@h'
        """
        for behind in (b"@", b"-subscribe", b"-unsubscribe"):
            text = text.replace(b"<#l#>" + behind, self.local + behind)
        main = self.main or self.local
        for macro, value in ((b"<#l#>", main), (b"<#L#>", main), (b"<#h#>", self.host), (b"<#H#>", self.host)):
            text = text.replace(macro, value)
        return text


class Letter(NamedTuple):
    """One letter of a list. `program` is the last part of its Message-ID's left side."""

    to: bytes
    subject: bytes
    now: int
    pid: int
    program: bytes = b"ezmlm"
    reply_to: bytes = b""
    is_personal: bool = True  # an answer goes to the help address; to the bounce address otherwise
    author: bytes = b""  # what From says, unless it is one of these two
    boundary: bytes = b""  # of parts: the letter has some, and `text` of `head` goes into one
    kind: bytes = b""  # what Content-type says, unless that follows from the text and the boundary


def head(of: List, letter: Letter, request: list[Field], text: bytes) -> bytes:
    """The header of a letter with this text; the request's trace goes on, so that a loop ends."""
    address = of.address
    kind = letter.kind or _kind_of(text)
    if letter.boundary:
        kind = b"multipart/mixed; boundary=%s\nContent-Transfer-Encoding: 8bit" % letter.boundary
    return b"".join(
        [
            b"Mailing-List: %s\n" % of.mailinglist,
            b"List-Help: <mailto:%s>\n" % address(b"help"),
            b"List-Post: <mailto:%s@%s>\n" % (of.main or of.local, of.host),
            b"List-Subscribe: <mailto:%s>\n" % address(b"subscribe"),
            b"Date: %s\n" % rfc822(letter.now),
            b"Message-ID: <%d.%d.%s@%s>\n" % (letter.now, letter.pid, letter.program, of.host),
            b"From: %s\n" % (letter.author or address(b"help" if letter.is_personal else b"return-")),
            b"To: %s\n" % quote(letter.to),
            b"Delivered-To: %s\n" % of.mark,
            *[field.raw for field in request if field.name in _PASSED_ON],
            b"MIME-Version: 1.0\nContent-type: %s\n" % kind,
            b"Reply-To: %s\n" % letter.reply_to if letter.reply_to else b"",
            b"Subject: %s\n\n" % readable(letter.subject),
        ]
    )


def readable(subject: bytes) -> bytes:
    """A subject that any mail program can read. (RFC 2047 §2)"""
    if subject.isascii():
        return subject
    from qmtwist.mail.encodedword import encoded_words

    return b"\n ".join(encoded_words(subject))


def _kind_of(text: bytes) -> bytes:
    return b"text/plain; charset=" + (b"us-ascii" if text.isascii() else b"utf-8\nContent-Transfer-Encoding: 8bit")


def text_part(boundary: bytes, text: bytes) -> bytes:
    """A text as a part of a letter."""
    return b"--%s\nContent-Type: %s\n\n%s\n" % (boundary, _kind_of(text), text)


def message_part(boundary: bytes, text: bytes) -> bytes:
    """A message as a part of a letter."""
    return b"--%s\nContent-Type: message/rfc822\nContent-Disposition: inline\n\n%s\n" % (boundary, text)


def last_boundary(boundary: bytes) -> bytes:
    """What ends the parts."""
    return b"--%s--\n" % boundary


def fill(of: List, text: bytes, target: bytes, confirmation: bytes) -> bytes:
    r"""A text with its places filled: a line that begins with `!R` or `!A` is an address of its own.

    >>> fill(List(b"l", b"h", b""), b"a\n!R\n!A\n<#t#> <#c#>\n", b"joe@x", b"l-sc@h")
    b'a\n   l-sc@h\n   joe@x\njoe=x sc\n'
    """
    places = {b"!R": b"   " + confirmation, b"!A": b"   " + target}
    lines = [places.get(line[:2], line) for line in of.fill(text).split(b"\n")]
    if b"<#" not in text:
        return b"\n".join(lines)
    box, local = target.rpartition(b"@")[0], confirmation.rpartition(b"@")[0]
    values = {b"A": target, b"a": box, b"t": boxed(target), b"R": confirmation, b"r": local}
    return filled(b"\n".join(lines), {**values, b"c": local.removeprefix(of.local + b"-")})


def quoted(text: bytes) -> bytes:
    r"""A message inside another.

    >>> quoted(b"a\nb\n")
    b'> a\n> b\n'
    """
    return b"".join([b"> " + line for line in text.splitlines(True)])


def request_copy(sender: bytes, request: bytes, limit_bytes: int) -> bytes:
    """The request as it is shown below an answer."""
    shown = request[:limit_bytes]
    return b"Return-Path: <%s>\n" % sender.replace(b"\n", b"_") + shown + (b"" if shown[-1:] == b"\n" else b"\n")

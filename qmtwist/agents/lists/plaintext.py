"""A message as plain text, for those who want digests without parts. Imported when somebody does."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message

from qmtwist.mail.charset import decoded_text

_PARTS = 200


def readable(text: bytes) -> bytes:
    r"""The body of a message as UTF-8: its texts as they are meant, everything else by its name.

    >>> readable(b"Content-Type: text/plain; charset=iso-8859-1\n\nZo\xeb\n").decode()
    'Zoë\n'
    """
    message = message_from_bytes(text)
    if not message.is_multipart() and message.get_content_maintype() == "text":
        return _text(message)
    return b"\n".join([_part(part) for part in _shown(message)][:_PARTS])


def _shown(message: Message) -> list[Message]:
    """The parts that are looked at: of several forms of the same only the plain one."""
    if not message.is_multipart():
        return [message]
    parts = [part for part in message.get_payload() if isinstance(part, Message)]
    if message.get_content_type() == "multipart/alternative":
        plain = [part for part in parts if part.get_content_type() == "text/plain"]
        parts = plain[:1] or parts[:1]
    if message.get_content_type() == "message/rfc822":
        return [part for inner in parts for part in _shown(inner)]
    return [one for part in parts for one in _shown(part)]


def _part(part: Message) -> bytes:
    if part.get_content_type() == "text/plain" and part.get_content_disposition() != "attachment":
        return _text(part)
    name = part.get_filename() or ""
    return f"[{part.get_content_type()} {name}".rstrip().encode("utf-8", "replace").replace(b"\n", b" ") + b"]\n"


def _text(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return b""
    shown = decoded_text(data, (part.get_content_charset("") or "").encode("latin-1", "replace"))
    return shown.replace("\r\n", "\n").encode("utf-8", "replace")

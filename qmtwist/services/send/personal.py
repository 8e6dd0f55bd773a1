"""Postings of lists: what differs from one recipient to the next is filled in where they are delivered.

A message with a sender per recipient may carry a mark on top (rules/lists/oneclick). Its recipients get fields of their
own in its place; other messages are not looked at. Nobody sees the mark itself: not the agents, and not who gets the
bounce.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from qmtwist.rules.lists import oneclick
from qmtwist.rules.routing import Routes, without_prefix
from qmtwist.rules.verp import is_variable
from qmtwist.store.oneclick import server_secret

from .mail import JournalMail, Mail

READ_BYTES = 131_072  # a message in a file of up to so many bytes is filled in in memory


class Content(NamedTuple):
    """A message for the agents: bytes, or a descriptor which somebody has to close. Of a descriptor `head` stands in
    place of the first `skip` bytes.
    """

    content: bytes | None
    descriptor: int | None = None
    head: bytes = b""
    skip: int = 0


class Personal:
    """Made by the queue manager. `url` is where links begin, empty without a service for them; `routes` says what has
    been put before the addresses of virtual domains; `warn` words a line for the log.
    """

    def __init__(self, queue: str, secret_path: str, routes: Callable[[], Routes], warn: Callable[[str], None]) -> None:
        self.url = b""
        self._warn = warn
        self._has_warned = False
        self._queue = queue
        self._secret_path = secret_path
        self._secret = b""
        self._routes = routes

    @property
    def secret(self) -> bytes:
        """What links are made with; of this server alone.

        :raises OSError: it can be neither read nor made.
        """
        self._secret = self._secret or server_secret(self._secret_path)
        return self._secret

    def content(self, mail: Mail, recipient: bytes, may_splice: bool = True) -> Content:
        """The message as one recipient gets it. Without `may_splice` it is in one piece.

        :raises OSError: it cannot be read.
        """
        if isinstance(mail, JournalMail):
            content = mail.read()
            if is_variable(mail.sender) and (marked := oneclick.find(content[: oneclick.START_BYTES])):
                return Content(self._head(content, marked, mail.sender, recipient) + content[marked.end :])
            return Content(content)
        descriptor = mail.open_message()
        if not is_variable(mail.sender):
            return Content(None, descriptor)
        try:
            start = os.pread(descriptor, oneclick.START_BYTES, 0)
            marked = oneclick.find(start)
            if marked is None:
                return Content(None, descriptor)
            head = self._head(start, marked, mail.sender, recipient)
            size = os.fstat(descriptor).st_size
            if size <= READ_BYTES:
                rest = os.pread(descriptor, READ_BYTES, marked.end)
                if len(rest) != size - marked.end:
                    raise OSError(errno.EIO, "the message has become shorter")
                found = Content(head + rest)
            elif may_splice:
                return Content(None, descriptor, head, marked.end)
            else:
                found = Content(None, self._copy(head, descriptor, marked.end))
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return found

    def _head(self, start: bytes, marked: oneclick.Marked, sender: bytes, recipient: bytes) -> bytes:
        """The message up to where its mark ended."""
        address = oneclick.leaving(sender, without_prefix(recipient, self._routes()), marked.key)
        found = oneclick.fields(address, self._link(address)) if address else oneclick.usual(sender)
        return start[: marked.start] + found

    def _link(self, address: bytes) -> bytes:
        """Empty without a service, and without the secret: mail does not wait for links."""
        if not self.url:
            return b""
        try:
            secret = self.secret
        except OSError as error:
            if not self._has_warned:
                self._warn(f"no links for leaving lists: {error}")
            self._has_warned = True
            return b""
        return self.url.rstrip(b"/") + b"/" + oneclick.token(secret, address)

    def _copy(self, head: bytes, descriptor: int, skip: int) -> int:
        """A file without a name, which programs can read; in memory where the queue's disk knows no such files.

        :raises OSError: it cannot be made.
        """
        try:
            copy = os.open(self._queue, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR):
                raise
            copy = os.memfd_create("message", os.MFD_CLOEXEC)
        try:
            os.write(copy, head)
            while count := os.sendfile(copy, descriptor, skip, 1 << 30):
                skip += count
            os.lseek(copy, 0, os.SEEK_SET)
        except OSError:
            os.close(copy)
            raise
        return copy

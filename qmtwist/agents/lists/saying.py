"""One request to a list, and what the list says to it before that is a letter."""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists.administration import Standing, Wishes
from qmtwist.rules.lists.answer import List
from qmtwist.rules.lists.command import Command
from qmtwist.rules.lists.cookie import part_key
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers

from .moderators import Moderators


class Request(NamedTuple):
    """Who wrote, and to which address."""

    sender: bytes
    local: bytes
    now: int


class Saying(NamedTuple):
    """What an answer says: texts by their names, or one that is made behind them."""

    texts: tuple[str, ...] = ()
    subject: bytes = b"ezmlm response"
    confirms: bytes = b""  # the kind of the ticket, if a confirmation is asked for
    body: bytes = b""
    is_personal: bool = True
    to: tuple[bytes, ...] = ()  # in the place of whose subscription it is about
    copies: tuple[bytes, ...] = ()  # who gets it besides
    reply_to: bytes = b""
    is_discreet: bool = False  # it says nothing about who wrote
    event: bytes = b""  # what has become of the subscription, as the log has it


class Desk(NamedTuple):
    """What is known when a request is dealt with."""

    place: ListDirectory
    of: List
    command: Command
    request: Request
    wishes: Wishes
    moderators: Moderators

    @property
    def people(self) -> Subscribers:
        """The addresses that the command is about."""
        return Subscribers(self.directory)

    @property
    def directory(self) -> str:
        """Where these are."""
        part = self.command.part.decode()
        return f"{self.place.path}/{part}" if part else self.place.path

    def key(self) -> bytes:
        """What confirmations for these addresses are made with.

        :raises Temporary: there is none, or it cannot be read.
        """
        return part_key(self.place.key(), self.command.part)

    def standing(self) -> Standing:
        """:raises Temporary: the moderators cannot be read."""
        return Standing(
            is_moderator=self.moderators.known(self.request.sender) is not None,
            is_remote=self.moderators.is_remote,
            is_moderated=self.moderators.is_moderated,
            is_own=self.command.target.lower() == self.request.sender.lower(),
        )

    def is_administrator(self) -> bool:
        """Whether who wrote is a moderator of a list that is administered by mail.

        :raises Temporary: the moderators cannot be read.
        """
        return self.moderators.is_remote and self.moderators.known(self.request.sender) is not None

    def subject(self, name: str, word: bytes = b"") -> bytes:
        """A phrase of the list's language.

        :raises Temporary: it cannot be read.
        """
        return self.of.fill(self.place.phrase(name)).replace(b"<#1#>", word)

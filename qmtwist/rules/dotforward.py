r"""The text of a .forward file to what is to be done. (dot-forward(1))

The whole file is understood before anything is done: a mistake in its last line must not find the programs of the
first ones started, which would run again at every attempt.

>>> text = b'\\joe, "|cat"\n# on holiday\nann@there.example\n'
>>> plan = parse(text, Owner(b"joe", b"h"), lambda: Hosts(b"h", b"h", b"h"), {}.get)
>>> plan.is_direct, [tuple(step) for step in plan.steps]
(True, [(b'p', b'cat'), (b'a', b'ann@there.example')])
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Callable, NamedTuple

from .aliaswords import ADDRESS, INCLUDE, Hosts, Mistake, Word, complete, unparsable, words

_LIMIT_INCLUDES = 100  # files; sendmail's users have one or two


class Owner(NamedTuple):
    """Whose file it is: the user name, and the host of the recipient, as qmail-local gives them."""

    user: bytes
    host: bytes


class Step(NamedTuple):
    """Something to do: an address to forward to, a shell command, or a mailbox file."""

    kind: bytes
    text: bytes


class Plan(NamedTuple):
    """All that a file asks for. `is_direct`: the user is among the recipients, so the .qmail file goes on."""

    steps: tuple[Step, ...]
    is_direct: bool


ReadHosts = Callable[[], Hosts]
ReadList = Callable[[bytes], bytes | None]


def parse(text: bytes, owner: Owner, hosts: ReadHosts, read_list: ReadList) -> Plan:
    """What the file asks for. `read_list` gives the text of an included list, or None if there is no such file.

    `hosts` is called when an address is not whole.

    :raises Mistake: it cannot be understood.
    """
    reader = _Reader(owner, hosts, read_list)
    reader.read(text)
    return Plan(tuple(reader.steps), reader.is_direct)


class _Reader:
    """Reads one file, and the lists that it includes, each of them once."""

    def __init__(self, owner: Owner, hosts: ReadHosts, read_list: ReadList) -> None:
        self._user = owner.user.lower()
        self._address = self._user + b"@" + owner.host.lower()
        self._read_hosts = hosts
        self._hosts: Hosts | None = None
        self._read_list = read_list
        self._included: set[bytes] = set()
        self.steps: list[Step] = []
        self.is_direct = False

    def read(self, text: bytes) -> None:
        """A file; the lists that it includes are read where they are named."""
        for line in _lines(text):
            if line[:1] == b"#":
                continue
            try:
                for word in words(line):
                    self._word(word, line)
            except Malformed as error:
                raise unparsable(line, error.text) from error

    def _word(self, word: Word, line: bytes) -> None:
        if b"\0" in word.text:
            raise unparsable(line, "NUL")
        if word.kind == INCLUDE:
            self._include(word.text, line)
        elif word.kind != ADDRESS:
            self.steps.append(Step(word.kind, word.text))
        elif self._user and word.text.lower() == (self._address if word.has_at else self._user):
            self.is_direct = True
        elif word.text:
            self.steps.append(Step(ADDRESS, self._completed(word)))

    def _completed(self, word: Word) -> bytes:
        if self._hosts is None:
            self._hosts = self._read_hosts()
        return complete(word, self._hosts)

    def _include(self, name: bytes, line: bytes) -> None:
        if not name:
            raise unparsable(line, "no file is included")
        if name in self._included:
            return
        self._included.add(name)
        text = self._read_list(name)
        if text is None or len(self._included) > _LIMIT_INCLUDES:
            raise Mistake(b"file delivery %s not supported" % name)
        self.read(text)


def _lines(text: bytes) -> list[bytes]:
    """Lines with their line ends; only LF ends one."""
    found = [line + b"\n" for line in text.split(b"\n")]
    found[-1] = found[-1][:-1]
    return found if found[-1] else found[:-1]

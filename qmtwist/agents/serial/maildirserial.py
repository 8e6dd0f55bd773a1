"""maildirserial's work: a maildir down one connection, by a client that is given the files' names. (maildirserial(1))

What the client has sent is removed, once it has said so; a message is thus never lost, and may be sent twice if the
connection, or we, end between its arrival there and the answer.
"""

from __future__ import annotations

import fcntl
import os
import select
import time

from qmtwist.agents.submit.submission import Submission
from qmtwist.control.grammar import read_line
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, suppress
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.rules.bounce import BounceStyle, addressee
from qmtwist.rules.serialbounce import TOO_OLD, serial_bounce_head
from qmtwist.store.durable import write_all
from qmtwist.store.maildrop import open_maildrop
from qmtwist.store.signals import signal
from qmtwist.wire.serial import HEAD_BYTES, Answer, AnswerReader, delivered_to, parse_head

PASSES = 3  # in a row, without an answer: then it makes no sense to go on
PERMANENT, TEMPORARY = 100, 111
_READ_BYTES = 65536
_FIRST_FREE = 10  # above the descriptors that a client is started with


class Options(NamedTuple):
    """What maildirserial is called with. `lifetime_s` None: no message is ever too old."""

    prefix: bytes
    client: tuple[bytes, ...]
    is_bouncing: bool
    lifetime_s: int | None


class Fatal(Exception):
    """The end of a run, with an exit status; `text` is what is wrong, without program name and line end."""

    def __init__(self, text: bytes, status: int = TEMPORARY) -> None:
        super().__init__(text)
        self.text, self.status = text, status


def run(directory: bytes, options: Options, home: str) -> int:
    """Send what is in a maildir; the exit status. What happens is written to descriptor 2."""
    try:
        try:
            os.chdir(directory)
        except OSError as error:
            raise Fatal(b"unable to chdir to %s: %s" % (directory, reason(error))) from error
        style = _style(home) if options.is_bouncing else None
        return Serial(options, home, style).run()
    except Fatal as fatal:
        if fatal.text:
            write_all(2, b"maildirserial: fatal: %s\n" % fatal.text)
        return fatal.status


def _style(home: str) -> BounceStyle:
    """How bounces are worded.

    :raises Fatal: a control file cannot be read.
    """
    values: list[bytes] = []
    me = b"me"
    for name, default in (("me", me), ("bouncefrom", b"MAILER-DAEMON"), ("bouncehost", None),
                          ("doublebounceto", b"postmaster"), ("doublebouncehost", None)):  # fmt: skip
        try:
            value = read_line(home, name)
        except OSError as error:
            raise Fatal(b"unable to read %s/control/%s: %s" % (os.fsencode(home), name.encode(), reason(error)))
        values.append(value if value is not None else me if default is None else default)
        me = values[0]
    return BounceStyle(*values[1:])


class Serial:
    """One run, in the maildir. Made by `run`."""

    def __init__(self, options: Options, home: str, style: BounceStyle | None) -> None:
        self._options = options
        self._home = home
        self._style = style
        self._dead: set[bytes] = set()  # not offered again in this run
        self._pending: set[bytes] = set()  # offered in this pass, and not answered

    def run(self) -> int:
        """Pass after pass, until nothing is left that could be sent.

        :raises Fatal: it cannot go on.
        """
        left = PASSES
        while names := self._usable():
            left = PASSES if self._pass(names) else left - 1
            if not left:
                raise Fatal(b"making no progress, giving up")
        return TEMPORARY if self._dead else 0

    # -- what there is

    def _usable(self) -> list[bytes]:
        """The files to offer, the oldest first."""
        try:
            maildrop = open_maildrop(b".", int(time.time()), hides_young=True)
        except MailError as error:
            why = reason(error.__cause__) if isinstance(error.__cause__, OSError) else error.text.encode()
            raise Fatal(b"unable to scan maildir: %s" % why) from error
        maildrop.close()
        return [message.path for message in maildrop.messages if self._is_usable(message.path)]

    def _is_usable(self, name: bytes) -> bool:
        if name in self._dead:
            return False
        if not self._options.prefix:
            return True
        try:
            recipient = delivered_to(_beginning(name))
        except OSError as error:
            _warn(b"unable to open %s: %s" % (name, reason(error)))
            return False
        return recipient is not None and recipient.startswith(self._options.prefix)

    # -- one pass: one client

    def _pass(self, names: list[bytes]) -> bool:
        """Run the client once; whether it had an answer to anything."""
        self._pending = set(names)
        pid, feed, answers = self._start()
        is_progress = False
        reader = AnswerReader()
        try:
            for data in _exchange(feed, answers, b"".join(name + b"\0" for name in names)):
                for answer in reader.receive(data):
                    is_progress = True
                    self._take(answer)
        finally:
            os.close(answers)
            status = os.waitpid(pid, 0)[1]
        if os.WIFSIGNALED(status):
            raise Fatal(b"client crashed")
        if os.WEXITSTATUS(status) == PERMANENT:
            raise Fatal(b"", PERMANENT)  # it has said why
        return is_progress

    def _start(self) -> tuple[int, int, int]:
        """The client's process, where it gets names from us, and where it answers."""
        client = self._options.client
        try:
            (names, feed), (answers, said) = _high_pipe(), _high_pipe()
        except OSError as error:
            raise Fatal(b"unable to create pipe: %s" % reason(error)) from error
        try:
            pid = os.posix_spawnp(
                client[0],
                client,
                os.environb,
                file_actions=[(os.POSIX_SPAWN_DUP2, names, 0), (os.POSIX_SPAWN_DUP2, said, 1)],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        except OSError as error:
            raise Fatal(b"unable to run %s: %s" % (client[0], reason(error))) from error
        finally:
            os.close(names)
            os.close(said)
        return pid, feed, answers

    # -- answers

    def _take(self, answer: Answer) -> None:
        name, letter, text = answer
        if name not in self._pending:
            _warn(b"the client has an answer for %s, which it was not asked about" % name)
            return
        self._pending.discard(name)
        if letter == b"K":
            _tell(name, b"succeeded", text)
            self._remove(name, b"message will be delivered twice!")
            return
        is_old = letter != b"D" and self._is_too_old(name)
        if letter != b"D" and not is_old:
            _tell(name, b"failed temporarily", text)
            self._dead.add(name)
        elif self._style is None:
            _tell(name, b"failed", text)
            self._dead.add(name)
        else:
            _tell(name, b"bounced", text)
            self._return(name, text + b"\n" + (TOO_OLD if is_old else b""), self._style)

    def _remove(self, name: bytes, otherwise: bytes) -> None:
        try:
            os.unlink(name)
        except OSError as error:
            _warn(b"%s unable to unlink %s: %s" % (otherwise, name, reason(error)))
            self._dead.add(name)

    def _is_too_old(self, name: bytes) -> bool:
        lifetime_s = self._options.lifetime_s
        if lifetime_s is None:
            return False
        try:
            return int(time.time()) > int(os.stat(name).st_mtime) + lifetime_s
        except OSError as error:
            _warn(b"assuming message is still alive; unable to stat %s: %s" % (name, reason(error)))
            return False

    def _return(self, name: bytes, why: bytes, style: BounceStyle) -> None:
        """Send it back to whoever sent it, and remove it; if it cannot be sent back, it stays."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            _warn(b"unable to read %s: %s" % (name, reason(error)))
            self._dead.add(name)
            return
        try:
            trouble = self._bounce(name, descriptor, why, style)
        except OSError as error:
            trouble = reason(error)
        finally:
            os.close(descriptor)
        if trouble is None:
            self._remove(name, b"message has been bounced but not removed!")
        else:
            _warn(b"unable to bounce %s: %s" % (name, trouble))
            self._dead.add(name)

    def _bounce(self, name: bytes, descriptor: int, why: bytes, style: BounceStyle) -> bytes | None:
        """Queue a bounce; None when it is queued, or when there is nobody who should get one."""
        head = parse_head(os.pread(descriptor, HEAD_BYTES, 0))
        if head is None:
            return b"bad file format"
        to = addressee(head.sender, style)
        if to is None:
            _inform(b"discarding %s: triple bounce" % name)
            return None
        shown = head.recipient.removeprefix(self._options.prefix)
        try:
            submission = Submission(self._home, os.environb)
        except OSError as error:
            raise Fatal(b"unable to run qq: %s" % reason(error)) from error
        with submission:
            submission.write(serial_bounce_head(head.sender, shown, why, to, style, int(time.time())))
            os.lseek(descriptor, head.size_bytes, os.SEEK_SET)
            while piece := os.read(descriptor, _READ_BYTES):
                submission.write(piece)
            result = submission.finish(Envelope(to.sender, (to.recipient,)))
        if result.text:
            return b"qq failed: %s" % result.text[1:]
        _inform(b"returned %s: qp %d" % (name, result.qp))
        return None


def _beginning(name: bytes) -> bytes:
    """Enough of a file to see its head."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, HEAD_BYTES, 0)
    finally:
        os.close(descriptor)


def _exchange(feed: int, answers: int, names: bytes) -> Iterator[bytes]:
    """Write the names, and give what is answered meanwhile, to its end. `feed` is closed behind the last name."""
    os.set_blocking(feed, False)
    poll = select.poll()
    poll.register(answers, select.POLLIN)
    poll.register(feed, select.POLLOUT)
    try:
        while True:
            ready = dict(poll.poll())
            if feed in ready:
                try:
                    names = names[os.write(feed, names) :]
                except BlockingIOError:
                    pass
                except OSError:  # it wants no more of them
                    names = b""
                if not names:
                    poll.unregister(feed)
                    os.close(feed)
                    feed = -1
            if answers in ready:
                data = os.read(answers, _READ_BYTES)
                if not data:
                    return
                yield data
    finally:
        if feed >= 0:
            os.close(feed)


def _high_pipe() -> tuple[int, int]:
    """A pipe whose ends are out of the way of the numbers that a client uses."""
    ends = os.pipe()
    made: list[int] = []
    try:
        for end in ends:
            made.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE))
    except OSError:
        for end in made:
            os.close(end)
        raise
    finally:
        for end in ends:
            os.close(end)
    return made[0], made[1]


# -- the log


def _tell(name: bytes, what: bytes, text: bytes) -> None:
    _inform(b"%s %s: %s" % (name, what, text))


def _inform(text: bytes) -> None:
    _say(b"info", text)


def _warn(text: bytes) -> None:
    _say(b"warning", text)


def _say(kind: bytes, text: bytes) -> None:
    with suppress(OSError):  # a log that is gone is no reason to send a message twice
        write_all(2, b"maildirserial: %s: %s\n" % (kind, text))

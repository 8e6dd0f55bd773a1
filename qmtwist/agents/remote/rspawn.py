"""qmail-rspawn's work: remote deliveries, a run of qmail-remote each.

The program is the one that QMAILREMOTE names, else bin/qmail-remote of the home. It gets the host, the sender and the
recipient as arguments and the message on descriptor 0.

Two ways of speaking: `serve` is qmail's spawn protocol on descriptors 0 and 1 (wire/spawnclassic), `Agent` the
daemon's frames on one UNIX socket (wire/remoteorder), on which the message comes with its order.
"""

from __future__ import annotations

import errno
import os
import stat

from qmtwist.agents.channel import Channel
from qmtwist.agents.children import KEEP_BYTES, Children
from qmtwist.mail.errors import MailError, Malformed
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.mail.shapes import Callable
from qmtwist.store.durable import write_all
from qmtwist.wire import remoteorder, remotereport, spawn, spawnclassic

PROGRAM = b"bin/qmail-remote"
_PASSING = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EINTR, errno.EIO, errno.ETXTBSY,
            errno.EBUSY, errno.ENOSPC, errno.ETIMEDOUT, errno.ESTALE}  # fmt: skip
_UNAVAILABLE = Outcome(
    Verdict.DEFERRAL, b"Remote delivery is not available: this home has no bin/qmail-remote. (#4.3.5)\n"
)

_NO_MESSAGE = Outcome(Verdict.DEFERRAL, b"qmail-spawn unable to open message. (#4.3.0)\n")
_OUT_OF_MEMORY = Outcome(Verdict.DEFERRAL, b"qmail-rspawn: out of memory. (#4.3.0)\n")

Report = Callable[[int, Outcome], None]


class Deliveries:
    """The runs of qmail-remote of one agent. `report` is called once for each delivery, from `start` or `wait`."""

    def __init__(self, home: str, report: Report) -> None:
        self._report = report
        self._program = os.environb.get(b"QMAILREMOTE") or None
        self._default = os.path.join(os.fsencode(home), PROGRAM)
        self._children = Children(self._ended)

    @property
    def children(self) -> Children:
        """What runs now."""
        return self._children

    def start(self, number: int, sender: bytes, recipient: bytes, message: int) -> None:
        """Begin one delivery; `message` is closed in any case."""
        host = recipient.rpartition(b"@")[2]
        words = [self._program or self._default, host, sender, recipient]
        try:
            os.lseek(message, 0, os.SEEK_SET)
            self._children.start(number, words, os.environb, message)
        except OSError as error:
            self._report(number, self._trouble(error))
        finally:
            os.close(message)

    def _trouble(self, error: OSError) -> Outcome:
        if error.errno == errno.ENOENT and self._program is None:
            return _UNAVAILABLE
        return remotereport.combine(111 if error.errno in _PASSING else 100, b"")

    def _ended(self, number: int, status: int, output: bytes) -> None:
        if len(output) >= KEEP_BYTES:
            output += b"\0"  # we cut it: what we have of the last record is all there is
        code = os.waitstatus_to_exitcode(status)
        self._report(number, remotereport.crashed() if code < 0 else remotereport.combine(code, output))


def open_message(message_id: bytes, owner: int) -> int:
    """A message of the queue, below the working directory queue/mess, for reading.

    :raises MailError: with the text of the report; it is a temporary one.
    """
    try:
        descriptor = os.open(message_id, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise MailError("qmail-spawn unable to open message. (#4.3.0)\n")
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == owner:
        return descriptor
    os.close(descriptor)
    wrong = "owner" if stat.S_ISREG(status.st_mode) else "type"
    raise MailError(f"Sorry, message has wrong {wrong}. (#4.3.5)\n")


def serve(home: str, owner: int, commands: int, reports: int) -> None:
    """Obey qmail-send until the end of `commands`, then until the last delivery has ended.

    The working directory is queue/mess; `owner` is the uid that messages must have.

    :raises OSError: a descriptor failed.
    """

    def report(number: int, outcome: Outcome) -> None:
        write_all(reports, spawnclassic.format_report(number, outcome))

    write_all(reports, b"%c" % spawnclassic.LIMIT)
    deliveries = Deliveries(home, report)
    reader = spawnclassic.OrderReader()
    children, is_open = deliveries.children, True
    while is_open or len(children):
        if children.wait(*([commands] if is_open else [])):
            data = os.read(commands, 65536)
            is_open = bool(data)
            for order in reader.receive(data):
                _obey(order, deliveries, owner, report)


def _obey(order: spawnclassic.ClassicOrder, deliveries: Deliveries, owner: int, report: Report) -> None:
    if (outcome := spawnclassic.objection(order, deliveries.children.keys)) is not None:
        report(order.number, outcome)
        return
    try:
        message = open_message(order.message_id, owner)
    except MailError as error:
        report(order.number, Outcome(Verdict.DEFERRAL, error.text.encode()))
        return
    deliveries.start(order.number, order.sender, order.recipient, message)


class Agent:
    """The daemon's remote agent where programs are run: as many at a time as are ordered, a recipient each.

    An order has its slot from the start, so that it waits for no GO; control/ is the program's to read.
    """

    def __init__(self, home: str, channel: Channel) -> None:
        self._channel = channel
        self._deliveries = Deliveries(home, self._report)

    def run(self) -> None:
        """Obey until the daemon hangs up, then until the last delivery has ended.

        :raises Malformed: the daemon speaks another version, or nonsense.
        """
        self._channel.send(spawn.frame(spawn.HELLO, 0, b"%d" % spawn.VERSION))
        children, is_open = self._deliveries.children, True
        while is_open or len(children):
            if children.wait(*([self._channel.fileno()] if is_open else [])):
                frames = self._channel.receive()
                is_open = frames is not None
                for frame in frames or ():
                    self._obey(frame)

    def _obey(self, frame: spawn.Frame) -> None:
        if frame.kind == spawn.HELLO:
            if frame.payload != b"%d" % spawn.VERSION:
                raise Malformed(f"the daemon speaks version {frame.payload!r}")
        elif frame.kind == remoteorder.TRANSACTION:
            self._deliver(frame.number, remoteorder.parse_transaction(frame.payload))
        elif frame.kind != remoteorder.RELOAD:
            raise Malformed(f"unknown frame {frame.kind!r}")

    def _deliver(self, number: int, order: remoteorder.RemoteOrder) -> None:
        if order.message is not None:
            try:
                message: int | None = _in_memory(order.message)
            except OSError:
                self._report(number, _OUT_OF_MEMORY)
                return
        else:
            message = self._channel.take_descriptor()
        if message is None:  # it was lost for want of a descriptor
            self._report(number, _NO_MESSAGE)
            return
        if len(order.locals) != 1:
            os.close(message)
            raise Malformed("several recipients for one program")
        self._deliveries.start(number, order.sender, order.recipients()[0], message)

    def _report(self, number: int, outcome: Outcome) -> None:
        self._channel.send(remoteorder.encode_report(number, 0, outcome))


def _in_memory(message: bytes) -> int:
    """A seekable descriptor of a message that came in its order."""
    descriptor = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        write_all(descriptor, message)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

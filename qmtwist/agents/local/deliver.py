"""One recipient's mail: find the .qmail file, decide everything, then carry it out. (qmail-local(8), dot-qmail(5))

`plan` makes all decisions before anything happens, and a file with a mistake in its last line delivers nothing at all.
`Courier.deliver` carries a plan out. Neither changes the process: no chdir, no environment, no umask, so that one
process can serve many deliveries of its user. Reports are bytes with their line ends, as the bounce shows them.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from qmtwist.agents.submit.submission import submit
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Temporary, suppress
from qmtwist.mail.reasons import is_lasting, reason
from qmtwist.mail.shapes import Callable, Iterable, Iterator, Mapping, NamedTuple
from qmtwist.rules import extension
from qmtwist.rules.dotqmail import Instruction, address_mistake, c_string, has_brackets, parse
from qmtwist.rules.loop import delivered_to, has_line
from qmtwist.rules.mboxquote import from_line
from qmtwist.store import maildir, mbox
from qmtwist.store.content import Handed, Message, as_descriptor, pieces

from . import environment
from .program import PROGRAM_LIMIT_S, Inside, Programs

FORBIDDEN_MODE = 0o002  # qmail's conf-patrn: nobody else may write a home or a .qmail file
FILE_LIMIT_BYTES = 64 * 1024 * 1024  # of a .qmail file
_DOT_QMAIL_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Delivery(NamedTuple):
    """Who is to get a message, as qmail-lspawn says it; `local` has the virtual domain's prefix, case as it came."""

    user: bytes
    home: bytes
    local: bytes
    dash: bytes
    ext: bytes
    host: bytes
    sender: bytes
    defaultdelivery: bytes


class Ended(NamedTuple):
    """How a delivery ended: `code` 0 success, 100 failure, 111 deferral, and our `text` for the report, with line ends.

    It follows whatever the user's programs have written, and is empty when a program failed and spoke for itself.
    """

    code: int
    text: bytes


class Refusal(Exception):
    """A delivery that ends before, or in, one of its instructions."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code, text)
        self.ended = Ended(code, text + b"\n" if text else b"")


class Found(NamedTuple):
    """A .qmail file: its name below the home, what DEFAULT is then, its text, and whether it may only forward."""

    name: bytes
    default: bytes | None
    text: bytes
    is_forward_only: bool


class Plan(NamedTuple):
    """What is to be done for a delivery, in order; `mistake` is the deferral that a bad line causes instead."""

    delivery: Delivery
    instructions: tuple[Instruction, ...]
    default: bytes | None
    mistake: bytes | None


def plan(delivery: Delivery, message: Handed) -> Plan:
    """Everything that is decided about a delivery before the first effect.

    :raises Refusal: it is not to be carried out; `ended` says why.
    :raises Temporary: the message cannot be read.
    """
    if _check_home(delivery.home):
        raise Refusal(111, b"Home directory is sticky: user is editing his .qmail file. (#4.2.1)")
    if isinstance(message, int):
        _rewind(message)
    if has_line(pieces(message), delivered_to(delivery.local, delivery.host)):
        raise Refusal(100, b"This message is looping: it already has my Delivered-To line. (#5.4.6)")
    planned = _instructions(delivery)
    mistake = planned.mistake or next(filter(None, map(address_mistake, planned.instructions)), None)
    if mistake:
        raise Refusal(111, mistake)
    return planned


def only_maildir(planned: Plan) -> bytes | None:
    """The path of the maildir when delivering there is all that is to be done, as for most mail; else None.

    Then `store.maildir`'s steps, with `maildir_pieces` as content, and the report `DID_ONE_FILE` are all of it.
    """
    if len(planned.instructions) == 1 and planned.instructions[0].kind == "maildir":
        return _path(planned.delivery.home, planned.instructions[0].value)
    return None


DID_ONE_FILE = b"did 1+0+0\n"


def maildir_pieces(delivery: Delivery, message: Handed) -> Iterable[bytes]:
    """What is written into a maildir: who sent it, who gets it, and the message as it is."""
    head = environment.return_path(delivery.sender) + delivered_to(delivery.local, delivery.host)
    if isinstance(message, bytes):
        return (head + message,)
    return _after(head, pieces(message))


def find(delivery: Delivery) -> Found | None:
    """The .qmail file that serves this address; None if there is none.

    An empty dash with None still has a mailbox, by the default delivery; with a dash there is no such address.

    :raises Refusal: a file that may be the one cannot be read now, or anybody could have written it.
    """
    for name, default in extension.candidates(delivery.dash, delivery.ext):
        try:
            descriptor = os.open(delivery.home + b"/" + name, _DOT_QMAIL_FLAGS)
        except OSError as error:
            if is_lasting(error) and error.errno not in (errno.EPERM, errno.EACCES):
                continue
            raise Refusal(111, b"Unable to open %s: %s. (#4.3.0)" % (name, reason(error))) from error
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISREG(mode):
                if mode & FORBIDDEN_MODE:
                    raise Refusal(111, b"Uh-oh: .qmail file is writable. (#4.7.0)")
                return Found(name, default, _read(descriptor, name), bool(mode & stat.S_IXUSR))
        except OSError as error:
            raise Refusal(111, b"Unable to read %s: %s. (#4.3.0)" % (name, reason(error))) from error
        finally:
            with suppress(OSError):  # nothing was written
                os.close(descriptor)
    return None


def _read(descriptor: int, name: bytes) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := os.read(descriptor, 65536):
        parts.append(part)
        size += len(part)
        if size > FILE_LIMIT_BYTES:
            raise Refusal(111, b"Uh-oh: %s is larger than %d bytes. (#4.3.0)" % (name, FILE_LIMIT_BYTES))
    return b"".join(parts)


def _instructions(delivery: Delivery) -> Plan:
    found = find(delivery)
    if found is None and delivery.dash:
        raise Refusal(100, b"Sorry, no mailbox here by that name. (#5.1.1)")
    if found is None or not found.text:
        parsed = parse(delivery.defaultdelivery)
    else:
        parsed = parse(found.text, found.is_forward_only)
    return Plan(delivery, parsed.lines, None if found is None else found.default, parsed.mistake)


def _check_home(home: bytes) -> bool:
    """Whether the home is sticky: its user is editing.

    :raises Refusal: it cannot be entered, or anybody may write there.
    """
    try:
        mode = os.stat(home + b"/.").st_mode  # with the dot the answer is what chdir would get
    except OSError as error:
        raise Refusal(111, b"Unable to switch to %s: %s. (#4.3.0)" % (home, reason(error))) from error
    if mode & FORBIDDEN_MODE:
        raise Refusal(111, b"Uh-oh: home directory is writable. (#4.7.0)")
    return bool(mode & stat.S_ISVTX)


def _rewind(descriptor: int) -> None:
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError as error:
        raise Refusal(111, b"Unable to rewind message. (#4.3.0)") from error


def _path(home: bytes, name: bytes) -> bytes:
    """A file name of an instruction as a path that does not depend on the current directory."""
    name = c_string(name)
    return name if name.startswith(b"/") else home + b"/" + name


def _after(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def new_sender(delivery: Delivery) -> bytes:
    """The envelope sender of forwarded copies: the list's owner where a file says that there is one.

    :raises Refusal: whether there is such a file cannot be told now.
    """
    if delivery.sender in (b"", b"#@[]"):
        return delivery.sender
    has_owner, has_owner_default = False, False
    owner, owner_default = extension.owner_files(delivery.dash, delivery.ext)
    if _exists(delivery.home, owner):
        has_owner, has_owner_default = True, _exists(delivery.home, owner_default)
    return extension.new_sender(delivery.sender, delivery.local, delivery.host, has_owner, has_owner_default)


def _exists(home: bytes, name: bytes) -> bool:
    try:
        os.stat(home + b"/" + name)
    except OSError as error:
        if not is_lasting(error):
            raise Refusal(111, b"Unable to open %s: %s. (#4.3.0)" % (name, reason(error))) from error
        return False
    return True


class Courier:
    """Carries plans out. Made once by a process that delivers for one user, after it has become that user."""

    def __init__(
        self,
        mail_home: bytes,
        environ: Mapping[bytes, bytes],
        program_limit_s: float | None = PROGRAM_LIMIT_S,
        clock: Callable[[], float] = time.time,
        inside: Inside | None = None,
    ) -> None:
        """`mail_home` has bin/qmail-queue; of `environ` users' programs see what `environment.clean` keeps."""
        self.names = maildir.Names()
        self._home = mail_home
        self._environ = environment.clean(environ, mail_home)
        self._limit_s = program_limit_s
        self._clock = clock
        self._programs = Programs(inside)

    def stop(self) -> None:
        """End a program that is running, and let no other begin: those deliveries are deferred. For signal handlers."""
        self._programs.stop()

    def deliver(self, delivery: Delivery, message: Message, out: int, err: int) -> Ended:
        """Plan and carry out one delivery. Users' programs write to the descriptors `out` and `err`; our own text comes
        back. A message given as a descriptor is read from its beginning, and its position changes.
        """
        try:
            return self.carry_out(plan(delivery, message), message, out, err)
        except Refusal as refusal:
            return refusal.ended
        except Temporary as trouble:
            return Ended(111, trouble.text.encode("utf-8", "surrogateescape") + b"\n")
        except OSError as error:  # no descriptor to be had, for example
            return Ended(111, b"Temporary error on delivery: %s. (#4.3.0)\n" % reason(error))
        except MemoryError:
            return Ended(111, b"Out of memory. (#4.3.0)\n")

    def carry_out(self, planned: Plan, message: Message, out: int, err: int) -> Ended:
        """Do what a plan says, in order, up to the first trouble; forwarded copies go last and together.

        :raises Refusal: an instruction could not be followed; those before it have been, and a retry repeats them.
        :raises Temporary: likewise, from the mailbox or the message.
        """
        files = programs = 0
        recipients: list[bytes] = []
        for instruction in planned.instructions:
            if instruction.kind == "forward":
                recipients.append(c_string(instruction.value))
            elif instruction.kind == "program":
                programs += 1
                if self._run(planned, instruction, message, out, err) == 99:
                    break
            else:
                files += 1
                self._file(planned.delivery, instruction, message)
        counts = b"did %d+%d+%d\n" % (files, len(recipients), programs)
        return Ended(0, counts + self._forward(planned, recipients, message) if recipients else counts)

    def _file(self, delivery: Delivery, instruction: Instruction, message: Message) -> None:
        path = _path(delivery.home, instruction.value)
        if instruction.kind == "maildir":
            maildir.deliver(path, self.names, maildir_pieces(delivery, message))
            return
        head = (
            from_line(delivery.sender, int(self._clock()))
            + environment.return_path(delivery.sender)
            + delivered_to(delivery.local, delivery.host)
        )
        mbox.append(path, c_string(instruction.value), head, pieces(message))

    def _run(self, planned: Plan, instruction: Instruction, message: Message, out: int, err: int) -> int:
        """Follow a program line; 0 or 99.

        :raises Refusal: the program wants the delivery to fail or to wait, or could not be run.
        """
        home = planned.delivery.home
        environ = self._variables(planned)
        descriptor = as_descriptor(message) if isinstance(message, bytes) else message
        try:
            _rewind(descriptor)
            command = c_string(instruction.value)
            ran = self._programs.run(command, home, environ, descriptor, out, err, self._limit_s)
        finally:
            if descriptor is not message:
                os.close(descriptor)
        if ran.code not in (0, 99):
            raise Refusal(ran.code, ran.text)
        return ran.code

    def _forward(self, planned: Plan, recipients: list[bytes], message: Message) -> bytes:
        """Queue one message to all these addresses; the line of the report with its queue id."""
        delivery = planned.delivery
        content = _after(delivered_to(delivery.local, delivery.host), pieces(message))
        envelope = Envelope(c_string(new_sender(delivery)), tuple(recipients))
        result = submit(self._home, content, envelope, self._variables(planned))
        if result.text:
            code = 100 if result.text.startswith(b"D") else 111
            raise Refusal(code, b"Unable to forward message: %s." % result.text[1:])
        return b"qp %d\n" % result.qp

    def _variables(self, planned: Plan) -> dict[bytes, bytes]:
        delivery = planned.delivery
        return self._environ | environment.delivery(
            user=delivery.user,
            home=delivery.home,
            local=delivery.local,
            ext=delivery.ext,
            host=delivery.host,
            sender=delivery.sender,
            new_sender=new_sender(delivery),
            default=planned.default,
            now=int(self._clock()),
        )


class Shown(NamedTuple):
    """What `qmail-local -n` prints and how it exits."""

    code: int
    out: bytes
    err: bytes


def show(delivery: Delivery) -> Shown:
    """Say what a delivery would do, and do nothing. The message is not looked at, so a loop is not seen."""
    err = b""
    try:
        if _check_home(delivery.home):
            err = b"Warning: home directory is sticky.\n"
        planned = _instructions(delivery)
    except Refusal as refusal:
        return Shown(refusal.ended.code, b"", err + refusal.ended.text)
    out = b"".join([b"%s %s\n" % (kind.encode("ascii"), value) for kind, value, _ in planned.instructions])
    for instruction in planned.instructions:
        # qmail-local -n says nothing about a blank before an address, and scripts compare its output.
        if has_brackets(instruction.value) and (mistake := address_mistake(instruction)):
            err += b"Warning: " + mistake + b"\n"
    if planned.mistake:
        return Shown(111, out, err + planned.mistake + b"\n")
    kinds = [instruction.kind for instruction in planned.instructions]
    files = kinds.count("mbox") + kinds.count("maildir")
    counts = b"did %d+%d+%d\n" % (files, kinds.count("forward"), kinds.count("program"))
    return Shown(0, out + counts, err)

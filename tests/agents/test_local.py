"""agents/local: one recipient's instructions, decided whole and then followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qmtwist.agents import local
from qmtwist.agents.local import Courier, Delivery, Ended, Refusal, only_maildir, plan, show
from qmtwist.mail.errors import Temporary
from qmtwist.store import maildir
from tests.support.refusing_disk import each_failure, open_descriptors

MESSAGE = b"From: a@example.com\nSubject: test\n\nHello.\n"
TOP = b"Return-Path: <s@x>\nDelivered-To: joe@host\n"
NOW = 1795238029
DID_ONE = Ended(0, b"did 1+0+0\n")


class Place(NamedTuple):
    """A user's home with a maildir, a mail home whose qmail-queue writes down what it gets, and a report file."""

    home: Path
    mail_home: Path
    report: int

    def delivery(self, **changes: bytes) -> Delivery:
        plain = Delivery(b"joe", os.fsencode(self.home), b"joe", b"", b"", b"host", b"s@x", b"./Maildir/")
        return plain._replace(**changes)

    def courier(self, **environ: bytes) -> Courier:
        inherited = {name.encode(): value for name, value in environ.items()}
        return Courier(os.fsencode(self.mail_home), inherited, clock=lambda: float(NOW))

    def deliver(self, message: bytes | int = MESSAGE, **changes: bytes) -> Ended:
        return self.courier().deliver(self.delivery(**changes), message, self.report, self.report)

    def write(self, text: str, name: str = ".qmail", mode: int = 0o644) -> None:
        (self.home / name).write_text(text)
        (self.home / name).chmod(mode)

    def said(self) -> bytes:
        return (self.home.parent / "report").read_bytes()

    def new(self) -> list[bytes]:
        return [entry.read_bytes() for entry in (self.home / "Maildir" / "new").iterdir()]

    def queued(self) -> tuple[bytes, bytes] | None:
        if not (self.mail_home / "envelope").exists():
            return None
        return (self.mail_home / "envelope").read_bytes(), (self.mail_home / "message").read_bytes()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home, mail_home = tmp_path / "joe", tmp_path / "mail"
    for name in ("tmp", "new", "cur"):
        (home / "Maildir" / name).mkdir(parents=True)
    home.chmod(0o755)
    (mail_home / "bin").mkdir(parents=True)
    (mail_home / "bin" / "qmail-queue").write_text("#!/bin/sh\ncat >message; cat <&1 >envelope\n")
    (mail_home / "bin" / "qmail-queue").chmod(0o755)
    report = os.open(tmp_path / "report", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    yield Place(home, mail_home, report)
    os.close(report)


# -- the home


def test_a_home_that_is_gone_defers(place: Place) -> None:
    ended = place.deliver(home=b"/none/joe")
    assert ended == Ended(111, b"Unable to switch to /none/joe: file does not exist. (#4.3.0)\n")


def test_a_home_that_anybody_may_write_defers(place: Place) -> None:
    place.home.chmod(0o757)
    assert place.deliver() == Ended(111, b"Uh-oh: home directory is writable. (#4.7.0)\n")


def test_a_home_that_the_group_may_write_is_allowed(place: Place) -> None:
    place.home.chmod(0o775)
    assert place.deliver() == DID_ONE


def test_a_sticky_home_says_not_now(place: Place) -> None:
    place.home.chmod(0o1755)
    ended = Ended(111, b"Home directory is sticky: user is editing his .qmail file. (#4.2.1)\n")
    assert place.deliver() == ended
    assert show(place.delivery()) == (0, b"maildir ./Maildir/\ndid 1+0+0\n", b"Warning: home directory is sticky.\n")


# -- the file


def test_no_file_and_an_empty_file_mean_the_default_delivery(place: Place) -> None:
    assert place.deliver() == DID_ONE
    place.write("")
    assert place.deliver() == DID_ONE
    place.write("", ".qmail-x", 0o700)
    assert place.deliver(dash=b"-", ext=b"x") == DID_ONE
    assert place.new() == [TOP + MESSAGE] * 3


def test_a_file_of_comments_delivers_nothing_and_succeeds(place: Place) -> None:
    place.write("# on holiday\n")
    assert place.deliver() == Ended(0, b"did 0+0+0\n")
    assert place.new() == []


def test_an_extension_without_a_file_is_no_mailbox(place: Place) -> None:
    place.write("./Maildir/\n")
    ended = Ended(100, b"Sorry, no mailbox here by that name. (#5.1.1)\n")
    assert place.deliver(dash=b"-", ext=b"x") == ended
    place.write("#\n", ".qmail-list-default")
    assert place.deliver(dash=b"-", ext=b"list") == ended


def test_find_tells_a_mailbox_from_none(place: Place) -> None:
    place.write("./x\n", ".qmail-default", 0o744)
    assert local.find(place.delivery(dash=b"-", ext=b"A.b")) == (b".qmail-default", b"A.b", b"./x\n", True)
    assert local.find(place.delivery()) is None


@pytest.mark.parametrize("name", [".qmail-a:b", ".qmail-default"])
def test_what_is_no_regular_file_is_passed_over(place: Place, name: str) -> None:
    (place.home / ".qmail-x").mkdir()
    os.mkfifo(place.home / ".qmail-x-default")
    (place.home / ".qmail-x-y").symlink_to("nowhere")
    (place.home / ".qmail-x-y-z").symlink_to(".qmail-x-y-z")
    place.write("#\n", ".qmail-default")
    for ext in (b"x", b"x-y", b"x-y-z", b"n" * 300, b"x/y"):
        found = local.find(place.delivery(dash=b"-", ext=ext))
        assert found is not None
        assert found.name == b".qmail-default"


def test_a_symbolic_link_to_a_file_is_followed(place: Place) -> None:
    place.write("#\n", "real")
    (place.home / ".qmail").symlink_to("real")
    assert place.deliver() == Ended(0, b"did 0+0+0\n")


def test_a_file_that_anybody_may_write_defers(place: Place) -> None:
    place.write("#\n", mode=0o646)
    assert place.deliver() == Ended(111, b"Uh-oh: .qmail file is writable. (#4.7.0)\n")
    place.write("#\n", mode=0o664)
    assert place.deliver().code == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EACCES, b"access denied"),
        (errno.EPERM, b"permission denied"),
        (errno.EIO, b"input/output error"),
        (errno.EMFILE, b"process cannot open more files"),
        (errno.ESTALE, b"stale NFS file handle"),
    ],
)
def test_a_file_that_cannot_be_opened_now_is_not_passed_over(
    place: Place, monkeypatch: pytest.MonkeyPatch, code: int, reason: bytes
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, "")

    with monkeypatch.context() as patch, pytest.raises(Refusal) as caught:
        patch.setattr(local.os, "open", refuse)
        local.find(place.delivery(dash=b"-", ext=b"x"))
    assert caught.value.ended == Ended(111, b"Unable to open .qmail-x: " + reason + b". (#4.3.0)\n")


def test_a_file_that_cannot_be_read_or_has_no_end_defers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("#" * 100)
    before = open_descriptors()
    monkeypatch.setattr(local, "FILE_LIMIT_BYTES", 99)
    assert place.deliver() == Ended(111, b"Uh-oh: .qmail is larger than 99 bytes. (#4.3.0)\n")
    monkeypatch.setattr(local, "FILE_LIMIT_BYTES", 100)
    assert place.deliver() == Ended(0, b"did 0+0+0\n")

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patch:
        patch.setattr(local.os, "read", refuse)
        ended = place.deliver()
    assert ended == Ended(111, b"Unable to read .qmail: input/output error. (#4.3.0)\n")
    assert open_descriptors() == before


# -- all or nothing


@pytest.mark.parametrize(
    ("last", "report"),
    [
        ("+list\n|true", b"Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)\n"),
        ("+list\n./x", b"Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)\n"),
        ("&<ann@host>", b"Uh-oh: line 3 of .qmail file must be a plain address, without <>: <ann@host>. (#4.2.1)\n"),
        (
            "& ann@host",
            b"Uh-oh: line 3 of .qmail file must be a plain address, without blanks before it: ann@host. (#4.2.1)\n",
        ),
    ],
)
def test_a_mistake_in_the_last_line_delivers_nothing_of_the_first(place: Place, last: str, report: bytes) -> None:
    place.write(f"./Maildir/\n|echo ran\n{last}\n")
    assert place.deliver() == Ended(111, report)
    assert place.new() == []
    assert place.said() == b""


def test_a_blank_first_line_defers(place: Place) -> None:
    place.write("\n./Maildir/\n")
    assert place.deliver() == Ended(111, b"Uh-oh: first line of .qmail file is blank. (#4.2.1)\n")
    assert place.deliver(dash=b"", defaultdelivery=b"").code == 111


# -- loops


def test_a_message_that_was_here_before_fails_even_without_a_mailbox(place: Place) -> None:
    looping = b"Received: x\nDelivered-To: joe@host\n" + MESSAGE
    ended = Ended(100, b"This message is looping: it already has my Delivered-To line. (#5.4.6)\n")
    assert place.deliver(looping) == ended
    assert place.deliver(looping, dash=b"-", ext=b"none") == ended
    assert place.deliver(looping, local=b"Joe") == DID_ONE
    assert show(place.delivery()).code == 0


# -- mailboxes


def test_the_commonest_plan_is_recognised(place: Place) -> None:
    home = os.fsencode(place.home)
    assert only_maildir(plan(place.delivery(), MESSAGE)) == home + b"/./Maildir/"
    assert only_maildir(plan(place.delivery(defaultdelivery=b"/var/box/"), MESSAGE)) == b"/var/box/"
    for other in (b"./Mailbox", b"./Maildir/\njoe", b"joe", b"|true", b"#"):
        assert only_maildir(plan(place.delivery(defaultdelivery=other), MESSAGE)) is None


def test_maildir_steps_give_what_deliver_gives(place: Place) -> None:
    names = place.courier().names
    planned = plan(place.delivery(), MESSAGE)
    box = only_maildir(planned)
    assert box is not None
    written = maildir.create_in_tmp(box, names, local.maildir_pieces(planned.delivery, MESSAGE))
    os.fsync(written.descriptor)
    maildir.publish(written)
    maildir.sync_new(box)
    assert place.deliver().text == local.DID_ONE_FILE
    first, second = place.new()
    assert first == second == TOP + MESSAGE


def test_a_descriptor_and_bytes_are_delivered_alike(place: Place, tmp_path: Path) -> None:
    place.write("./Maildir/\n./Mailbox\n|cat\n|cat\nann@x\n")
    (tmp_path / "m").write_bytes(MESSAGE)
    with open(tmp_path / "m", "rb", buffering=0) as stream:
        stream.read(5)
        for message in (MESSAGE, stream.fileno()):
            ended = place.deliver(message)
            assert ended.code == 0
            assert ended.text.startswith(b"did 2+1+2\nqp ")
            assert place.queued() == (b"Fs@x\0Tann@x\0\0", b"Delivered-To: joe@host\n" + MESSAGE)
    assert place.new() == [TOP + MESSAGE] * 2
    one = b"From s@x Sat Nov 21 05:13:49 2026\n" + TOP + MESSAGE + b"\n"
    assert (place.home / "Mailbox").read_bytes() == one * 2
    assert place.said() == MESSAGE * 4


def test_a_message_that_is_no_file_cannot_be_rewound(place: Place) -> None:
    reading, writing = os.pipe()
    assert place.deliver(reading) == Ended(111, b"Unable to rewind message. (#4.3.0)\n")
    os.close(reading)
    os.close(writing)


def test_a_nul_ends_a_file_name(place: Place) -> None:
    place.write("./Mailbox\0junk\n")
    assert place.deliver() == DID_ONE
    assert (place.home / "Mailbox").exists()


def test_trouble_with_a_mailbox_stops_the_rest_and_all_forwarding(place: Place) -> None:
    place.write("ann@x\n./none/box\n|echo ran\n")
    assert place.deliver() == Ended(111, b"Unable to open ./none/box: file does not exist. (#4.2.1)\n")
    place.write("ann@x\n./none/\n|echo ran\n")
    assert place.deliver() == Ended(111, b"Unable to chdir to maildir. (#4.2.1)\n")
    assert place.queued() is None
    assert place.said() == b""


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.ENOMEM])
@pytest.mark.parametrize("text", ["./Maildir/\n", "./Mailbox\n"])
def test_whichever_call_fails_the_delivery_is_done_or_deferred(place: Place, text: str, code: int) -> None:
    place.write(text)
    box = place.home / "Mailbox"
    before, courier = open_descriptors(), place.courier()
    for disk, outcome in each_failure(
        lambda: courier.deliver(place.delivery(), MESSAGE, place.report, place.report), code
    ):
        assert open_descriptors() == before, disk.failed
        assert outcome == DID_ONE or (outcome.code == 111 and outcome.text.endswith(b")\n")), (disk.failed, outcome)
        for content in place.new():
            assert content == TOP + MESSAGE
        there = len(place.new()) or (box.exists() and box.read_bytes().endswith(MESSAGE + b"\n"))
        assert there or outcome.code == 111
        for entry in [*(place.home / "Maildir" / "new").iterdir(), box]:
            entry.unlink(missing_ok=True)


def test_no_descriptor_for_a_program_is_a_deferral(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: bytes) -> int:
        raise OSError(errno.EMFILE, "")

    place.write("|true\n")
    monkeypatch.setattr(local, "as_descriptor", refuse)
    assert place.deliver() == Ended(111, b"Temporary error on delivery: process cannot open more files. (#4.3.0)\n")


def test_no_memory_is_a_deferral(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(local, "parse", refuse)
    assert place.deliver() == Ended(111, b"Out of memory. (#4.3.0)\n")


# -- programs


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        (0, Ended(0, b"did 1+0+1\n")),
        (99, Ended(0, b"did 0+0+1\n")),
        (100, Ended(100, b"")),
        (64, Ended(100, b"")),
        (67, Ended(111, b"")),
        (111, Ended(111, b"")),
    ],
)
def test_a_programs_exit_code_decides_what_follows(place: Place, code: int, ended: Ended) -> None:
    place.write(f"|echo out; exit {code}\n./Maildir/\n")
    assert place.deliver() == ended
    assert place.said() == b"out\n"
    assert len(place.new()) == (1 if code == 0 else 0)


def test_99_keeps_the_forwards_above_it(place: Place) -> None:
    place.write("ann@x\n|exit 99\nbob@x\n./Maildir/\n")
    assert place.deliver().text.startswith(b"did 0+1+1\nqp ")
    queued = place.queued()
    assert queued is not None
    assert queued[0] == b"Fs@x\0Tann@x\0\0"


def test_a_failing_program_prevents_all_forwarding(place: Place) -> None:
    place.write("ann@x\n|exit 100\n")
    assert place.deliver() == Ended(100, b"")
    assert place.queued() is None


def test_a_crash_is_reported(place: Place) -> None:
    place.write("|kill -9 $$\n")
    assert place.deliver() == Ended(111, b"Aack, child crashed. (#4.3.0)\n")


def test_programs_see_the_delivery_and_not_the_server(place: Place) -> None:
    place.write('|echo "$RECIPIENT $SENDER $NEWSENDER ${DEFAULT-unset} ${SECRET-unset} $PATH"\n', ".qmail-l-default")
    place.write("", ".qmail-l-x-owner")
    courier = place.courier(SECRET=b"x", DEFAULT=b"leak", PATH=b"/bin")
    delivery = place.delivery(local=b"joe-l-X", dash=b"-", ext=b"l-X")
    assert courier.deliver(delivery, MESSAGE, place.report, place.report).code == 0
    path = os.fsencode(place.mail_home) + b"/bin:/bin"
    assert place.said() == b"joe-l-X@host s@x joe-l-X-owner@host X unset " + path + b"\n"


def test_an_inherited_default_does_not_survive(place: Place) -> None:
    place.write('|echo "${DEFAULT-unset}"\n')
    place.courier(DEFAULT=b"leak").deliver(place.delivery(), MESSAGE, place.report, place.report)
    assert place.said() == b"unset\n"


def test_a_program_that_takes_too_long_is_a_deferral(place: Place) -> None:
    place.write("|sleep 1000\n")
    courier = Courier(os.fsencode(place.mail_home), {}, program_limit_s=0.1)
    ended = courier.deliver(place.delivery(), MESSAGE, place.report, place.report)
    assert ended == Ended(111, b"Program was stopped after 0 seconds. (#4.3.0)\n")


def test_a_stopped_courier_runs_nothing_but_still_fills_mailboxes(place: Place) -> None:
    courier = place.courier()
    courier.stop()
    assert courier.deliver(place.delivery(), MESSAGE, place.report, place.report) == DID_ONE
    place.write("|touch ran\n")
    assert courier.deliver(place.delivery(), MESSAGE, place.report, place.report).code == 111
    assert not (place.home / "ran").exists()


def test_a_delivery_leaves_the_process_as_it_was(place: Place) -> None:
    place.write("./Maildir/\n./Mailbox\n|true\nann@x\n")
    mask = os.umask(0o022)
    os.umask(mask)
    state = os.getcwd(), dict(os.environ), open_descriptors()
    assert place.deliver().code == 0
    assert (os.getcwd(), dict(os.environ), open_descriptors()) == state
    assert os.umask(mask) == mask
    assert stat.S_IMODE((place.home / "Mailbox").stat().st_mode) == 0o600


# -- forwards


def test_all_addresses_go_in_one_submission_in_their_order(place: Place) -> None:
    place.write("b@x\n./Maildir/\n&a@x\n&\nc\0junk\n")
    ended = place.deliver(MESSAGE[:-1])
    assert ended.text.startswith(b"did 1+4+0\nqp ")
    assert ended.text.endswith(b"\n")
    assert place.queued() == (b"Fs@x\0Tb@x\0Ta@x\0T\0Tc\0\0", b"Delivered-To: joe@host\n" + MESSAGE[:-1])


@pytest.mark.parametrize(
    ("files", "sender", "expected"),
    [
        ((), b"s@x", b"s@x"),
        ((".qmail-owner",), b"s@x", b"joe-owner@host"),
        ((".qmail-owner", ".qmail-owner-default"), b"s@x", b"joe-owner-@host-@[]"),
        ((".qmail-owner-default",), b"s@x", b"s@x"),
        ((".qmail-owner",), b"", b""),
        ((".qmail-owner",), b"#@[]", b"#@[]"),
    ],
)
def test_an_owner_file_makes_the_owner_the_sender(
    place: Place, files: tuple[str, ...], sender: bytes, expected: bytes
) -> None:
    for name in files:
        (place.home / name).mkdir()
    place.write("ann@x\n")
    assert place.deliver(sender=sender).code == 0
    queued = place.queued()
    assert queued is not None
    assert queued[0] == b"F" + expected + b"\0Tann@x\0\0"


def test_an_owner_file_that_cannot_be_seen_now_defers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("ann@x\n")
    planned = plan(place.delivery(), MESSAGE)

    def refuse(path: bytes) -> None:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patch, pytest.raises(Refusal) as caught:
        patch.setattr(local.os, "stat", refuse)
        place.courier().carry_out(planned, MESSAGE, place.report, place.report)
    assert caught.value.ended == Ended(111, b"Unable to open .qmail-owner: input/output error. (#4.3.0)\n")
    assert place.queued() is None


@pytest.mark.parametrize(
    ("code", "ended"),
    [
        (31, Ended(100, b"Unable to forward message: mail server permanently rejected message (#5.3.0).\n")),
        (53, Ended(111, b"Unable to forward message: qq write error or disk full (#4.3.0).\n")),
    ],
)
def test_what_the_queue_refuses_is_not_forwarded(place: Place, code: int, ended: Ended) -> None:
    (place.mail_home / "bin" / "qmail-queue").write_text(f"#!/bin/sh\ncat >/dev/null; exit {code}\n")
    place.write("ann@x\n")
    assert place.deliver() == ended


def test_an_unreadable_message_is_not_forwarded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, "")

    place.write("ann@x\n")
    descriptor = os.open(place.home / ".qmail", os.O_RDONLY)
    planned = plan(place.delivery(), descriptor)
    with monkeypatch.context() as patch, pytest.raises(Temporary):
        patch.setattr(local.os, "pread", refuse)
        place.courier().carry_out(planned, descriptor, place.report, place.report)
    os.close(descriptor)
    assert place.queued() is None or place.queued() == (b"", b"Delivered-To: joe@host\n")


# -- show


def test_show_says_everything_and_does_nothing(place: Place) -> None:
    place.write("./Mailbox\n./Maildir/\n| cat\nann@x\n& bob@x\n&\n")
    out = b"mbox ./Mailbox\nmaildir ./Maildir/\nprogram  cat\nforward ann@x\nforward  bob@x\nforward \ndid 2+3+1\n"
    assert show(place.delivery()) == (0, out, b"")
    assert place.new() == []
    assert place.queued() is None


def test_show_tells_where_it_stops(place: Place) -> None:
    place.write("ann@x\n+list\n|true\nbob@x\n")
    report = b"Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)\n"
    assert show(place.delivery()) == (111, b"forward ann@x\n", report)
    assert show(place.delivery(dash=b"-")).code == 100


def test_show_warns_of_addresses_in_brackets(place: Place) -> None:
    place.write("Joe <joe@x>\n")
    shown = show(place.delivery())
    assert shown.out == b"forward Joe <joe@x>\ndid 0+1+0\n"
    assert shown.err.startswith(b"Warning: Uh-oh: line 1 of .qmail file must be a plain address")

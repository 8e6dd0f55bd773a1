"""agents/local/deliver: one recipient's instructions, decided whole; forwards; what would be done."""

from __future__ import annotations

import errno
import os

import pytest

from qmtwist.agents.local import deliver
from qmtwist.agents.local.deliver import Ended, Refusal, plan, show
from qmtwist.mail.errors import Temporary
from tests.support.courier_place import MESSAGE, TOP, Place
from tests.support.refusing_disk import open_descriptors

DID_ONE = Ended(0, b"did 1+0+0\n")


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
    assert deliver.find(place.delivery(dash=b"-", ext=b"A.b")) == (b".qmail-default", b"A.b", b"./x\n", True)
    assert deliver.find(place.delivery()) is None


@pytest.mark.parametrize("name", [".qmail-a:b", ".qmail-default"])
def test_what_is_no_regular_file_is_passed_over(place: Place, name: str) -> None:
    (place.home / ".qmail-x").mkdir()
    os.mkfifo(place.home / ".qmail-x-default")
    (place.home / ".qmail-x-y").symlink_to("nowhere")
    (place.home / ".qmail-x-y-z").symlink_to(".qmail-x-y-z")
    place.write("#\n", ".qmail-default")
    for ext in (b"x", b"x-y", b"x-y-z", b"n" * 300, b"x/y"):
        found = deliver.find(place.delivery(dash=b"-", ext=ext))
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
        patch.setattr(deliver.os, "open", refuse)
        deliver.find(place.delivery(dash=b"-", ext=b"x"))
    assert caught.value.ended == Ended(111, b"Unable to open .qmail-x: " + reason + b". (#4.3.0)\n")


def test_a_file_that_cannot_be_read_or_has_no_end_defers(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("#" * 100)
    before = open_descriptors()
    monkeypatch.setattr(deliver, "FILE_LIMIT_BYTES", 99)
    assert place.deliver() == Ended(111, b"Uh-oh: .qmail is larger than 99 bytes. (#4.3.0)\n")
    monkeypatch.setattr(deliver, "FILE_LIMIT_BYTES", 100)
    assert place.deliver() == Ended(0, b"did 0+0+0\n")

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patch:
        patch.setattr(deliver.os, "read", refuse)
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
        patch.setattr(deliver.os, "stat", refuse)
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
        patch.setattr(deliver.os, "pread", refuse)
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

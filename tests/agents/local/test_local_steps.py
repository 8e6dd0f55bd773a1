"""agents/local/deliver: instructions followed, into mailboxes and programs."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from qmtwist.agents.local import deliver
from qmtwist.agents.local.deliver import Courier, Ended, only_maildir, plan
from qmtwist.store import maildir
from tests.support.courier_place import MESSAGE, TOP, Place
from tests.support.refusing_disk import each_failure, open_descriptors

DID_ONE = Ended(0, b"did 1+0+0\n")


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
    written = maildir.create_in_tmp(box, names, deliver.maildir_pieces(planned.delivery, MESSAGE))
    os.fsync(written.descriptor)
    maildir.publish(written)
    maildir.sync_new(box)
    assert place.deliver().text == deliver.DID_ONE_FILE
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
    monkeypatch.setattr(deliver, "as_descriptor", refuse)
    assert place.deliver() == Ended(111, b"Temporary error on delivery: process cannot open more files. (#4.3.0)\n")


def test_no_memory_is_a_deferral(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(deliver, "parse", refuse)
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

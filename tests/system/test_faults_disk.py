"""Disks without room: mail is refused for the moment, nothing acknowledged is lost, and all recovers by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import time
from collections.abc import Callable

import pytest

from tests.support.apart import play_apart
from tests.support.daemon import Daemon, Home, running
from tests.support.small_disk import fill, mount_image, use_up_inodes
from tests.torture.ledger import Ledger, Sender, identities, message, queued

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

LIMIT_S = 60.0
SMALL, LARGE = 500, 400_000  # into the journal; straight into files
FULL = (451, 452)


def home_on_disk(directory: str, megabytes: int, *options: str) -> Home:
    os.mkdir(f"{directory}/disk")
    mount_image(f"{directory}/image", f"{directory}/disk", megabytes, *options)
    home = Home(f"{directory}/disk")
    home.make()
    return home


def send(daemon: Daemon, identity: str, size: int = SMALL) -> int:
    """250, or what the message was refused with."""
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        try:
            client.sendmail("ann@sender.example", [daemon.home.address("alice")], message(identity, size))
        except smtplib.SMTPRecipientsRefused as refused:
            return max(code for code, _ in refused.recipients.values())
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code
    return 250


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def arrived(home: Home) -> set[str]:
    return set(identities(home.messages("alice")))


def refused(daemon: Daemon, size: int = SMALL) -> bool:
    """What the server knows of the disk is a second old."""
    return send(daemon, "too-much", size) in FULL


def taken(daemon: Daemon, identity: str, size: int = SMALL) -> Callable[[], bool]:
    return lambda: send(daemon, identity, size) == 250


def test_on_a_full_disk_mail_is_refused_until_there_is_room_again(open_directory: str) -> None:
    play_apart(play_on_a_full_disk_mail_is_refused_until_there_is_room_again, open_directory)


def play_on_a_full_disk_mail_is_refused_until_there_is_room_again(directory: str) -> None:
    home = home_on_disk(directory, 32)
    ballast = f"{directory}/disk/ballast"
    with running(Daemon(home)) as daemon:
        assert send(daemon, "one") == 250 and send(daemon, "two", LARGE) == 250
        daemon.wait_for_messages("alice", 2)
        for room in (3 << 20, 0):  # below the mark, and nothing at all
            fill(ballast, room)
            wait_for(lambda: refused(daemon), "it is taken on a full disk")
            assert refused(daemon, LARGE) and daemon.is_running()
        os.unlink(ballast)
        wait_for(taken(daemon, "three"), "it does not recover")
        wait_for(taken(daemon, "four", LARGE), "it does not recover")
        wait_for(lambda: {"one", "two", "three", "four"} <= arrived(home), "not all arrive")


def test_without_inodes_mail_is_refused_until_there_are_some(open_directory: str) -> None:
    play_apart(play_without_inodes_mail_is_refused_until_there_are_some, open_directory)


def play_without_inodes_mail_is_refused_until_there_are_some(directory: str) -> None:
    home = home_on_disk(directory, 32, "-N", "1200")
    many = f"{directory}/disk/many"
    with running(Daemon(home)) as daemon:
        assert use_up_inodes(many) > 0
        wait_for(lambda: refused(daemon), "it is taken on a full disk")
        assert refused(daemon, LARGE)
        shutil.rmtree(many)
        wait_for(taken(daemon, "one"), "it does not recover")
        wait_for(taken(daemon, "two", LARGE), "it does not recover")
        wait_for(lambda: {"one", "two"} <= arrived(home), "not all arrive")


def test_a_disk_filled_by_the_mail_itself_loses_nothing(open_directory: str) -> None:
    play_apart(play_a_disk_filled_by_the_mail_itself_loses_nothing, open_directory)


def play_a_disk_filled_by_the_mail_itself_loses_nothing(directory: str) -> None:
    home = home_on_disk(directory, 48)
    fill(f"{directory}/disk/reserve", 28 << 20)
    daemon = Daemon(home)
    ledger = Ledger(f"{directory}/ledger")
    addresses = tuple(map(home.address, ("alice", "alice", "bob")))
    path = f"{home.directory('bob')}/.qmail"  # his wait, in queue files
    with open(path, "w", encoding="ascii") as stream:
        stream.write(f"|test -e {directory}/ready || exit 111\n./Maildir/\n")
    os.chmod(path, 0o644)
    daemon.start()
    senders = [Sender(f"sender{at}", daemon.smtp_port, addresses, ledger) for at in range(4)]
    for sender in senders:
        sender.start()
    wait_for(lambda: any("refused the message: 452" in line for line in daemon.log), "the disk is never full")
    fill(f"{directory}/disk/ballast")  # what the server keeps free
    daemon.kill()
    for sender in senders:
        sender.end()
    for sender in senders:
        sender.join(60)
    # What the journal owes needs room. Without it a start may be refused, and leaves all as it is.
    with contextlib.suppress(AssertionError):
        daemon.start()
    os.unlink(f"{directory}/disk/ballast")
    os.unlink(f"{directory}/disk/reserve")
    if not daemon.is_running():
        assert any("No space left on device" in line for line in daemon.log)
        daemon.start()
    with open(f"{directory}/ready", "w", encoding="ascii"):
        pass
    wanted = set(ledger.acknowledged)
    assert wanted

    def everything() -> bool:
        daemon.signal(signal.SIGALRM)
        for user in home.users:  # room for the next ones
            for name in os.listdir(f"{home.maildir(user)}/new"):
                found = f"{home.maildir(user)}/new/{name}"
                with open(found, "rb") as stream:
                    seen.update(identities([stream.read()]))
                os.unlink(found)
        return wanted <= seen

    seen: set[str] = set()
    try:
        wait_for(everything, "something acknowledged is missing")
    finally:
        ledger.close()
        daemon.stop()
    assert not set(identities(queued(home.path))) & wanted


def test_on_a_disk_that_is_full_at_the_start_the_server_runs_and_recovers(open_directory: str) -> None:
    play_apart(play_on_a_disk_that_is_full_at_the_start_the_server_runs_and_recovers, open_directory)


def play_on_a_disk_that_is_full_at_the_start_the_server_runs_and_recovers(directory: str) -> None:
    home = home_on_disk(directory, 32)
    with running(Daemon(home)) as daemon:
        assert send(daemon, "one") == 250
        daemon.wait_for_messages("alice", 1)
    fill(f"{directory}/disk/ballast")
    with running(Daemon(home)) as daemon:
        assert refused(daemon) and refused(daemon, LARGE)
        os.unlink(f"{directory}/disk/ballast")
        wait_for(taken(daemon, "two"), "it does not recover")
        wait_for(lambda: {"one", "two"} <= arrived(home), "not all arrive")


def test_a_disk_that_cannot_be_written_is_told_at_the_start(open_directory: str) -> None:
    play_apart(play_a_disk_that_cannot_be_written_is_told_at_the_start, open_directory)


def play_a_disk_that_cannot_be_written_is_told_at_the_start(directory: str) -> None:
    home = home_on_disk(directory, 32)
    assert os.system(f"mount -o remount,ro {directory}/disk") == 0
    daemon = Daemon(home)
    with contextlib.suppress(AssertionError):
        daemon.start()
    assert not daemon.is_running()
    assert any("cannot start" in line for line in daemon.log), daemon.log
    assert any("Read-only file system" in line for line in daemon.log), daemon.log

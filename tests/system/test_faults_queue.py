"""A queue that something has damaged: what is whole is delivered, what is not is told and kept."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.support.daemon import Daemon, Home, environment, mail_owner, running
from tests.torture.ledger import identities, message

pytestmark = pytest.mark.system
LIMIT_S = 60.0


def wait_for(condition: Callable[[], bool], daemon: Daemon) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "\n".join(daemon.log[-40:])
        time.sleep(0.02)


def send(daemon: Daemon, identity: str, user: str = "alice", size: int = 500) -> None:
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        address = user if "@" in user else daemon.home.address(user)
        client.sendmail("ann@sender.example", [address], message(identity, size))


def says(daemon: Daemon, words: str) -> Callable[[], bool]:
    return lambda: any(words in line for line in daemon.log)


def hold_back(home: Home, user: str, delay_s: int = 0) -> str:
    """The user's mail is deferred, after so long a time in delivery, until the file of this name is there."""
    ready, path = f"{home.directory(user)}/ready", f"{home.directory(user)}/.qmail"
    with open(path, "w", encoding="ascii") as stream:
        stream.write(f"|test -e {ready} || {{ sleep {delay_s}; exit 111; }}\n./Maildir/\n")
    os.chown(path, *mail_owner())
    os.chmod(path, 0o600)
    return ready


def content(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def touch(path: str) -> None:
    with open(path, "wb"):
        pass


def files_of(home: Home, kind: str) -> list[str]:
    top = f"{home.path}/queue/{kind}"
    return sorted(os.path.join(directory, name) for directory, _, names in os.walk(top) for name in names)


@pytest.fixture
def home(open_directory: str) -> Home:
    made = Home(open_directory)
    made.make()
    return made


def put(path: str, data: bytes) -> None:
    """A file with the owner of its directory."""
    with open(path, "wb") as stream:
        stream.write(data)
    owner = os.stat(os.path.dirname(path))
    os.chown(path, owner.st_uid, owner.st_gid)


def test_corrupt_todo_info_and_local_files_are_told_and_kept_and_stop_nothing(home: Home) -> None:
    ready = hold_back(home, "alice")
    daemon = Daemon(home)
    with running(daemon):
        for name in ("one", "two", "three"):
            send(daemon, name)
        wait_for(lambda: len(files_of(home, "local")) == 3, daemon)
    info, local = files_of(home, "info"), files_of(home, "local")
    put(info[0], b"nonsense")
    number = os.path.basename(info[0])
    other = next(path for path in local if os.path.basename(path) == os.path.basename(info[1]))
    put(other, b"no mark and no end")
    put(f"{home.path}/queue/todo/77", b"\xff\xfegarbage")
    put(f"{home.path}/queue/mess/{77 % 23}/77", b"Subject: garbage\n\n")
    put(f"{home.path}/queue/todo/99", b"u1\0p1\0Fa@b.example\0Tbob@test.example\0")  # without a message
    touch(ready)
    with running(daemon):
        send(daemon, "four", "bob", 500)
        send(daemon, "five", "bob", 400_000)
        daemon.signal(signal.SIGALRM)
        third = os.path.basename(info[2])
        wait_for(lambda: len(home.messages("bob")) == 2 and len(home.messages("alice")) == 1, daemon)
        wait_for(says(daemon, f"/{int(number) % 23}/{number}; will try again later"), daemon)
        wait_for(says(daemon, "todo/77"), daemon)
        wait_for(lambda: not [path for path in files_of(home, "mess") if path.endswith(third)], daemon)
    kept = {os.path.basename(path) for path in files_of(home, "mess")}
    assert {number, os.path.basename(other), "77"} <= kept
    assert os.path.exists(f"{home.path}/queue/todo/77") and os.path.exists(f"{home.path}/queue/todo/99")


def test_of_a_damaged_journal_all_that_is_whole_is_delivered_and_the_rest_kept(home: Home) -> None:
    ready = hold_back(home, "alice", 60)  # in delivery: it lives in the journal
    daemon = Daemon(home)
    daemon.start()
    for name in ("one", "two", "three"):
        send(daemon, name, "alice", 20_000)
    daemon.kill()
    (path,) = [found for found in files_of(home, "journal") if b"X-Ledger: three" in content(found)]
    with open(path, "r+b") as stream:
        data = stream.read()
        stream.seek(data.index(b"X-Ledger: two") + 5000)
        stream.write(b"#" * 600)
        stream.seek(data.index(b"end of three") + 2000)
        stream.write(b"a torn end")
    touch(ready)
    with running(daemon):
        send(daemon, "four")
        wait_for(lambda: {"one", "three", "four"} <= set(identities(home.messages("alice"))), daemon)
        wait_for(says(daemon, "unreadable bytes"), daemon)
    (kept,) = [name for name in files_of(home, "journal") if "damaged." in name]
    assert b"X-Ledger: two" in content(kept)


@pytest.mark.parametrize("name", ["mess/7", "todo", "lock", "info/3", "local/22"])
def test_a_missing_directory_is_named_at_the_start(home: Home, name: str) -> None:
    os.rename(f"{home.path}/queue/{name}", f"{home.path}/away")
    daemon = Daemon(home)
    with pytest.raises(AssertionError, match="ended with 111"):
        daemon.start()
    assert says(daemon, f"queue/{name} is missing")(), daemon.log


def test_a_directory_that_goes_missing_stops_nothing_else(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        for name in ("mess/7", "todo", "pid"):
            os.rename(f"{home.path}/queue/{name}", f"{home.path}/away")
            send(daemon, f"without-{name}")
            wait_for(lambda n=name: f"without-{n}" in identities(home.messages("alice")), daemon)  # type: ignore[misc]
            os.rename(f"{home.path}/away", f"{home.path}/queue/{name}")
        send(daemon, "large", "alice", 400_000)
        wait_for(lambda: "large" in identities(home.messages("alice")), daemon)


def test_the_journal_directory_may_be_missing_at_the_start(home: Home) -> None:
    if os.path.isdir(f"{home.path}/queue/journal"):
        os.rmdir(f"{home.path}/queue/journal")
    with running(Daemon(home)) as daemon:
        send(daemon, "one")
        daemon.wait_for_messages("alice", 1)


@pytest.mark.parametrize("kind", ["file", "mode", "directory", "missing"])
def test_a_trigger_that_cannot_work_is_told_and_mail_flows(home: Home, kind: str) -> None:
    trigger = f"{home.path}/queue/lock/trigger"
    if kind == "mode":
        os.chmod(trigger, 0o600)
    else:
        os.unlink(trigger)
    if kind == "file":
        put(trigger, b"mine")
    elif kind == "directory":
        os.mkdir(trigger)
    with running(Daemon(home)) as daemon:
        if kind != "missing":
            wait_for(says(daemon, "lock/trigger"), daemon)
        send(daemon, "one", "alice", 400_000)
        daemon.wait_for_messages("alice", 1)
    if kind == "file":
        assert content(trigger) == b"mine"


def test_a_second_daemon_refuses_and_the_first_goes_on(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        second = Daemon(home)
        with pytest.raises(AssertionError, match="ended with 111"):
            second.start()
        assert says(second, "already running")()
        send(daemon, "one")
        daemon.wait_for_messages("alice", 1)


def test_without_its_mutex_file_a_running_queue_is_still_not_opened_twice(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        mutex = f"{home.path}/queue/lock/sendmutex"
        for is_replaced in (False, True):
            os.unlink(mutex)
            if is_replaced:
                put(mutex, b"")
            with pytest.raises(AssertionError, match="ended with 111"):
                Daemon(home).start()
        send(daemon, "one")
        daemon.wait_for_messages("alice", 1)


def test_controls_that_cannot_be_read_at_hup_leave_the_old_ones(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        os.rename(f"{home.path}/control", f"{home.path}/away")
        daemon.signal(signal.SIGHUP)
        wait_for(says(daemon, "unable to reread controls"), daemon)
        send(daemon, "one")
        daemon.wait_for_messages("alice", 1)
        with pytest.raises(smtplib.SMTPRecipientsRefused):  # rcpthosts that are gone must not open the relay
            send(daemon, "two", "someone@far.example")
        os.rename(f"{home.path}/away", f"{home.path}/control")


def test_a_damaged_users_cdb_defers_mail_and_loses_none(home: Home) -> None:
    path = f"{home.path}/users/cdb"
    with open(path, "rb") as stream:
        good = stream.read()
    with running(Daemon(home)) as daemon:
        put(path, good[:1500])
        time.sleep(1.1)  # a lookup is remembered no longer than half of that
        send(daemon, "one")
        wait_for(says(daemon, "deferral"), daemon)
        put(path, good)
        time.sleep(0.6)

        def arrives() -> bool:
            daemon.signal(signal.SIGALRM)
            return bool(home.messages("alice"))

        wait_for(arrives, daemon)


def test_a_clock_that_goes_back_a_day_changes_nothing(home: Home) -> None:
    """What is queued has times of tomorrow, then."""
    ready = hold_back(home, "alice")
    daemon = Daemon(home)
    with running(daemon):
        send(daemon, "one")
        wait_for(lambda: len(files_of(home, "local")) == 1, daemon)
    for kind in ("info", "local", "mess"):
        (path,) = files_of(home, kind)
        tomorrow = time.time() + 86400
        os.utime(path, (tomorrow, tomorrow))
    touch(ready)
    with running(daemon):
        send(daemon, "two", "bob")
        daemon.wait_for_messages("bob", 1)
        daemon.signal(signal.SIGALRM)
        daemon.wait_for_messages("alice", 1)


def test_qmail_queue_works_beside_a_trigger_and_socket_that_are_plain_files(home: Home) -> None:
    for name in ("trigger", "injection"):
        path = f"{home.path}/queue/lock/{name}"
        if os.path.lexists(path):
            os.unlink(path)
        put(path, b"")
    daemon = Daemon(home)
    with running(daemon):
        words = [home.program("qmail-inject"), "-fann@sender.example", home.address("alice")]
        subprocess.run(words, input=b"Subject: x\n\nhello\n", check=True, env=environment())
        daemon.stop()
        daemon.start()  # nobody could wake it
        daemon.wait_for_messages("alice", 1)

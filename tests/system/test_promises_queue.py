"""The queue as the documents promise it: on real files, across kills, restarts and other people's hands."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.scheduler.retry import SKIP, next_attempt
from tests.support.daemon import running
from tests.support.privately import MAIL_UIDS
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
FAR = "x@away.example"


@pytest.fixture
def place() -> Iterator[Office]:
    """A server that the test starts itself."""
    with town("joe", "ann") as made:
        yield Office(made)


def queue_files(made: Town, *names: str) -> list[str]:
    """The files of some queue directories, by their paths below queue/."""
    found = []
    for name in names:
        for directory, _, files in os.walk(f"{made.path}/queue/{name}"):
            found += [os.path.relpath(f"{directory}/{file}", f"{made.path}/queue") for file in files]
    return sorted(found)


def put_message(made: Town, number: int, name: str, data: bytes, owner: str) -> str:
    """A queue file as qmail leaves it: with the owner it has there, when there are such accounts."""
    path = f"{made.path}/queue/{name}/{number % 23}/{number}"
    if name in ("todo", "intd", "bounce"):
        path = f"{made.path}/queue/{name}/{number}"
    with open(path, "wb") as stream:
        stream.write(data)
    os.chmod(path, 0o600 if owner == "qmails" else 0o644)
    if made.is_real:
        os.chown(path, *MAIL_UIDS[owner])
    elif os.geteuid() == 0:
        os.chown(path, *made.owner(""))
    return path


def put_qmails_messages(made: Town) -> None:
    """One message preprocessed, one served for its first recipient, one only queued."""
    for number in (70001, 70002, 70003):
        put_message(made, number, "mess", b"Subject: %d\n\nbody\n" % number, "qmailq")
    for number, data in ((70001, b"Tjoe@test.example\0"), (70002, b"Dann@test.example\0Tjoe@test.example\0")):
        put_message(made, number, "info", b"Fs@far.example\0", "qmails")
        put_message(made, number, "local", data, "qmails")
    put_message(made, 70002, "remote", b"Tx@away.example\0", "qmails")
    todo = b"u1000\0p123\0Fs@far.example\0Tjoe@test.example\0"
    os.link(put_message(made, 70003, "intd", todo, "qmailq"), f"{made.path}/queue/todo/70003")


def test_what_was_acknowledged_survives_a_kill(place: Office) -> None:
    """S099, S101: who was served is not served again; who was not is."""
    made = place.town
    made.file("joe", ".qmail-stuck", "|echo x >> tries; while ! test -e go; do sleep 0.05; done\n")
    with running(place):
        place.deliver(f"ann@{H}")
        place.queue(f"joe-stuck@{H}", message=b"Subject: stuck\n\n")
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"joe-stuck@{H}"], b"Subject: by smtp\r\n\r\n")
        wait_until(lambda: made.read("joe", "tries").count("x") == 2)
        time.sleep(0.5)  # marks reach the disk within 0.2 s
        place.kill()
        made.file("joe", "go", "")
        place.start()
        wait_until(lambda: made.read("joe", "tries").count("x") == 4)
        wait_until(lambda: made.run("qmail-qstat").startswith("messages in queue: 0\n"))
        assert len(made.messages("ann")) == 1


def test_after_a_clean_stop_the_queue_is_a_plain_qmail_queue(place: Office) -> None:
    """S102, S103, S104, S020: formats, retry times, owners and modes; nothing else lies about."""
    made = place.town
    made.file("joe", ".qmail-later", "|exit 111\n")
    with running(place):
        assert "deferral" in place.deliver(f"joe-later@{H}")
        assert "deferral" in place.deliver(FAR)
        place.stop()
    assert {"bounce", "info", "intd", "local", "lock", "mess", "pid", "remote", "todo"} <= set(
        os.listdir(f"{made.path}/queue")
    )
    for name in ("info", "local", "mess", "remote"):
        assert sorted(os.listdir(f"{made.path}/queue/{name}"), key=int) == [str(part) for part in range(23)]
    local, remote = queue_files(made, "local")[0], queue_files(made, "remote")[0]
    infos = queue_files(made, "info")
    assert len(infos) == 2 and len(queue_files(made, "local", "remote", "mess")) == 4
    assert queue_files(made, "todo", "intd", "bounce", "journal") == []
    for path, content, gap in ((local, f"Tjoe-later@{H}", 100), (remote, f"T{FAR}", 400)):
        full = f"{made.path}/queue/{path}"
        assert Path(full).read_bytes() == content.encode() + b"\0"
        info = f"{made.path}/queue/info/{path.split('/', 1)[1]}"
        assert Path(info).read_bytes() == b"Fs@far.example\0"
        assert gap - 2 <= os.stat(full).st_mtime - os.stat(info).st_mtime <= gap + 2
    if made.is_real:
        owners = {name: pwd_uid for name, (pwd_uid, _) in MAIL_UIDS.items()}
        for path in queue_files(made, "info", "local", "remote"):
            assert os.stat(f"{made.path}/queue/{path}").st_uid == owners["qmails"], path
        for path in queue_files(made, "mess"):
            assert os.stat(f"{made.path}/queue/{path}").st_uid == owners["qmailq"], path
        for name, owner in (("info/0", "qmails"), ("local/3", "qmails"), ("mess/0", "qmailq"), ("bounce", "qmails")):
            assert os.stat(f"{made.path}/queue/{name}").st_uid == owners[owner], name
        assert made.check() == ""


def test_a_queue_that_qmail_left_is_taken_over(place: Office) -> None:
    """S020, S101, S019: with its owners and its marks; what is delivered is removed, what is not is kept."""
    made = place.town
    put_qmails_messages(made)
    listed = made.run("qmail-qread")
    assert "#70001" in listed and "#70002" in listed
    with running(place):
        place.wait_for_messages("joe", 3)
        place.wait_for_line(f"to remote {FAR}")
        place.wait_for_line("deferral")
        place.stop()
    subjects = sorted(line for text in made.messages("joe") for line in text.split(b"\n") if line[:8] == b"Subject:")
    assert subjects == [b"Subject: 70001", b"Subject: 70002", b"Subject: 70003"]
    assert made.messages("ann") == []
    number = f"{70002 % 23}/70002"
    assert queue_files(made, "mess", "info", "remote", "intd", "todo") == [
        f"info/{number}",
        f"mess/{number}",
        f"remote/{number}",
    ]
    # setup again, as an update does: nothing of this changes
    made.run("qmtwist", "setup", "--home", made.path, "--host", "other.example")
    assert made.read_control("me") == f"{H}\n" and len(queue_files(made, "mess")) == 1
    with running(place):
        wait_until(lambda: f"remote\t{FAR}" in made.run("qmail-qread"))


def test_a_queue_can_be_copied_and_edited_while_stopped(place: Office) -> None:
    """S111, S112: other inode numbers do not matter, and a message removed by hand is gone."""
    made = place.town
    put_qmails_messages(made)
    old, new = f"{made.path}/queue", f"{made.path}/queue.new"
    subprocess.run(["cp", "-a", old, new], check=True)
    shutil.rmtree(old)
    os.rename(new, old)
    for name in ("mess", "info", "local"):
        os.unlink(f"{old}/{name}/{70001 % 23}/70001")
    with running(place):
        place.wait_for_messages("joe", 2)
        wait_until(lambda: "70001" not in made.run("qmail-qread"))
        assert len(place.town.messages("joe")) == 2


def test_leftovers_of_dead_programs_vanish_after_36_hours(place: Office) -> None:
    """S109."""
    made = place.town
    old = time.time() - 37 * 3600
    for number, age in ((80001, old), (80002, time.time())):
        for name in ("mess", "intd"):
            os.utime(put_message(made, number, name, b"half", "qmailq"), (age, age))
    path = f"{made.path}/queue/pid/80009"
    with open(path, "wb"):
        os.utime(path, (old, old))
    if os.geteuid() == 0:
        os.chown(path, *(MAIL_UIDS["qmailq"] if made.is_real else made.owner("")))
    with running(place):
        wait_until(lambda: queue_files(made, "mess", "intd", "pid") == ["intd/80002", f"mess/{80002 % 23}/80002"])


def test_the_trigger_wakes_the_server_and_mail_moves_without_it(place: Office) -> None:
    """S110: other people's qmail-queue writes a todo file and pulls the trigger; a damaged trigger is named."""
    made = place.town
    path = f"{made.path}/queue/lock/trigger"
    status = os.stat(path)
    assert stat.S_ISFIFO(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o622
    with running(place):
        place.deliver(f"ann@{H}")
        put_message(made, 90001, "mess", b"Subject: foreign\n\n", "qmailq")
        todo = put_message(made, 90001, "intd", b"u1000\0p9\0Fs@far.example\0Tann@test.example\0", "qmailq")
        os.link(todo, f"{made.path}/queue/todo/90001")
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, b"\0")
        os.close(descriptor)
        place.wait_for_messages("ann", 2, 10)
        place.stop()
    os.unlink(path)
    with open(path, "w", encoding="ascii"):
        pass
    found = made.attempt("qmtwist", "check", "--home", made.path)
    assert found.returncode == 1 and b"lock/trigger" in found.stdout


def test_the_retry_schedule_of_the_documents() -> None:
    """S103: all forty rows, for a host that never answers."""
    attempts = [0]
    while len(attempts) < 40:
        attempts.append(next_attempt(0, attempts[-1], SKIP["remote"]))
    assert attempts == [400 * row * row for row in range(40)] and attempts[-1] == 608400


def test_old_mail_bounces_at_its_last_try_and_a_touched_one_is_young_again(place: Office) -> None:
    """S041, S105, S106."""
    made = place.town
    made.file("joe", ".qmail-never", "|exit 111\n")
    week = time.time() - 8 * 86400
    for number in (70011, 70012):
        put_message(made, number, "mess", b"Subject: %d\n\n" % number, "qmailq")
        os.utime(put_message(made, number, "info", f"Fann@{H}\0".encode(), "qmails"), (week, week))
        os.utime(put_message(made, number, "local", f"Tjoe-never@{H}\0".encode(), "qmails"), (week, week))
    os.utime(f"{made.path}/queue/info/{70012 % 23}/70012")
    with running(place):
        (bounce,) = place.wait_for_messages("ann", 1)
        assert b"I'm not going to try again; this message has been in the queue too long." in bounce
        assert b"Subject: 70011" in bounce
        wait_until(lambda: "#70012" in made.run("qmail-qread") and "#70011" not in made.run("qmail-qread"))

"""Starting, stopping and the queue as the documents promise them: on real files, across kills and restarts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from qmtwist.scheduler.retry import SKIP, next_attempt
from tests.support.daemon import LIMIT_S, environment, running
from tests.support.privately import MAIL_UIDS
from tests.support.processes import tree
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
FAR = "x@away.example"

# Stands in for qmail-remote: what it says depends on the recipient.
REMOTE = """#!/bin/sh
cat > /dev/null
case "$3" in
good*) printf 'r\\0K192.0.2.1 accepted message.\\nRemote host said: 250 ok\\n\\0' ;;
bad*) printf 'h192.0.2.1 does not like recipient.\\nRemote host said: 550 no (#5.1.1)\\n\\0KGiving up.\\n\\0' ;;
*) printf 'r\\0ZConnected to 192.0.2.1 but connection died. (#4.4.2)\\n\\0' ;;
esac
"""


@pytest.fixture
def place() -> Iterator[Office]:
    """A server that the test starts itself."""
    with town("joe", "ann") as made:
        yield Office(made)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    def prepare(made: Town) -> None:
        made.file("joe", ".qmail-wait", "|echo $$ > pid; test -e go || exit 111\n")

    with town("joe", "ann", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


def until(condition: Callable[[], object]) -> None:
    """Wait until this is so."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read(path: str) -> bytes:
    """What is in a file."""
    with open(path, "rb") as stream:
        return stream.read()


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


# -- starting and stopping


def start(made: Town, *arguments: str) -> subprocess.Popen[str]:
    """qmail-start as a start script runs it, its log on standard output."""
    script = f'exec env - PATH="{made.path}/bin:$PATH" qmail-start "$@"'
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "rc", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=made.before_exec(),
        cwd="/",
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """TERM; the whole log."""
    process.terminate()
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, (out, err)
    return out.splitlines()


def test_qmail_start_runs_the_mail_system(place: Office) -> None:
    """S051, S027, S088, S021, S100: its argument is the default delivery; the log begins and ends as documented."""
    process = start(place.town, "./Box")
    assert process.stdout is not None
    assert process.stdout.readline() == "status: local 0/10 remote 0/20\n"
    began = time.monotonic()
    place.queue(f"joe@{H}")
    until(lambda: place.town.read("joe", "Box"))
    assert time.monotonic() - began < 5
    assert finish(process)[-1] == "status: exiting"


def test_the_start_script_runs_it_too(place: Office) -> None:
    """S008, S051: HOME/boot/home as HOME/rc."""
    rc = f"{place.town.path}/rc"
    shutil.copy(f"{place.town.path}/boot/rc", rc)
    os.chmod(rc, 0o755)
    command = {"text": True, "stdout": subprocess.PIPE, "preexec_fn": place.town.before_exec(), "env": environment()}
    process = subprocess.Popen([rc], **command)  # type: ignore[call-overload]
    assert process.stdout.readline().startswith("status: local 0/10")
    place.queue(f"joe@{H}")
    until(lambda: place.town.messages("joe"))  # control/defaultdelivery
    process.terminate()
    assert process.communicate(timeout=LIMIT_S)[0].endswith("status: exiting\n") and process.returncode == 0


def test_a_logger_gets_the_log(place: Office) -> None:
    """S052."""
    log = f"{place.town.top}/log"
    os.mkdir(log)
    os.chmod(log, 0o777)
    with open(f"{place.town.top}/logger", "w", encoding="ascii") as stream:
        stream.write(f'#!/bin/sh\necho "$1" > {log}/name; id -u > {log}/uid; exec cat > {log}/current\n')
    os.chmod(f"{place.town.top}/logger", 0o755)
    process = start(place.town, "./Maildir/", f"{place.town.top}/logger", "qmail")
    until(lambda: os.path.exists(f"{log}/current") and os.path.getsize(f"{log}/current"))
    assert finish(process) == []
    assert read(f"{log}/name") == b"qmail\n"
    if place.town.is_real:
        assert read(f"{log}/uid") == b"%d\n" % MAIL_UIDS["qmaill"][0]
    until(lambda: read(f"{log}/current").endswith(b"status: exiting\n"))


def test_no_me_is_one_clear_error(place: Office) -> None:
    """S036: with control/locals qmail starts all the same, and so do we."""
    os.unlink(f"{place.town.path}/control/me")
    os.unlink(f"{place.town.path}/control/locals")
    process = start(place.town)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 111
    assert len([line for line in (out + err).splitlines() if "control/me" in line]) == 1, (out, err)


def test_a_second_server_does_not_start(place: Office) -> None:
    """S051: two servers cannot run on one queue."""
    with running(place):
        process = start(place.town)
        out, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 111 and "already running" in out + err


def test_term_lets_running_deliveries_finish(place: Office) -> None:
    """S053, S088: nothing new starts, the queue keeps the rest, exit status 0."""
    place.town.write("control/concurrencylocal", "1\n")
    place.town.file("joe", ".qmail-slow", "|echo x > began; while ! test -e go; do sleep 0.05; done; echo done\n")
    with running(place):
        place.queue(f"joe-slow@{H}")
        place.queue(f"ann@{H}", message=b"Subject: waits\n\n")
        until(lambda: place.town.read("joe", "began"))
        place.signal(signal.SIGTERM)
        until(lambda: not answers(place.smtp_port))
        place.town.file("joe", "go", "")
        place.stop()
    lines = place.log[-4:]
    assert any("success: done/did_0+0+1/" in line for line in place.log)
    assert lines[-1] == "status: exiting"
    waiting = [] if place.town.messages("ann") else ["ann@test.example"]
    assert [
        line.split("\t")[2] for line in place.town.run("qmail-qread").splitlines() if "\tlocal\t" in line
    ] == waiting
    place.log.clear()
    with running(place):
        place.wait_for_messages("ann", 1)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_alarm_tries_everything_at_once(office: Office) -> None:
    """S054, S085: local and remote."""
    since = office.mark()
    assert "deferral:" in office.deliver(f"joe-wait@{H}")
    assert "deferral:" in office.deliver(FAR)
    since = office.mark()
    office.town.file("joe", "go", "")
    office.signal(signal.SIGALRM)
    assert "success:" in office.report(f"joe-wait@{H}", since)
    assert "deferral:" in office.report(FAR, since)


def test_hup_changes_what_is_local_while_sessions_and_deliveries_go_on(office: Office) -> None:
    """S056, S128, S129, S047."""
    made = office.town
    made.file("ann", ".qmail-long", "|while ! test -e go; do sleep 0.05; done; echo long done\n")
    since = office.mark()
    office.queue(f"ann-long@{H}")
    office.wait_for_line(f"to local ann-long@{H}", since)
    with office.smtp() as client:
        client.helo("x")
        made.write("control/locals", f"{H}\nmore.example\n")
        made.write("control/virtualdomains", "virtual.example:joe\n")
        now = office.mark()
        office.signal(signal.SIGHUP)
        office.wait_for_line("control: ", now)
        assert "success" in office.deliver("ann@more.example")
        assert client.noop()[0] == 250
        made.file("joe", ".qmail-info", "|echo virtual\n")
        now = office.mark()
        office.queue("info@virtual.example")
        assert "virtual/" in office.report("joe-info@virtual.example", now)
        made.file("ann", "go", "")
        assert "long_done" in office.report(f"ann-long@{H}", since)
    made.write("control/locals", f"{H}\n")
    now = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("control: ", now)
    office.queue("ann@more.example")
    office.wait_for_line("to remote ann@more.example", now)


# -- the queue


def test_what_was_acknowledged_survives_a_kill(place: Office) -> None:
    """S099, S101: who was served is not served again; who was not is."""
    made = place.town
    made.file("joe", ".qmail-stuck", "|echo x >> tries; while ! test -e go; do sleep 0.05; done\n")
    with running(place):
        place.deliver(f"ann@{H}")
        place.queue(f"joe-stuck@{H}", message=b"Subject: stuck\n\n")
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"joe-stuck@{H}"], b"Subject: by smtp\r\n\r\n")
        until(lambda: made.read("joe", "tries").count("x") == 2)
        time.sleep(0.5)  # marks reach the disk within 0.2 s
        place.kill()
        made.file("joe", "go", "")
        place.start()
        until(lambda: made.read("joe", "tries").count("x") == 4)
        until(lambda: made.run("qmail-qstat").startswith("messages in queue: 0\n"))
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
        assert read(full) == content.encode() + b"\0"
        info = f"{made.path}/queue/info/{path.split('/', 1)[1]}"
        assert read(info) == b"Fs@far.example\0"
        assert gap - 2 <= os.stat(full).st_mtime - os.stat(info).st_mtime <= gap + 2
    if made.is_real:
        owners = {name: pwd_uid for name, (pwd_uid, _) in MAIL_UIDS.items()}
        for path in queue_files(made, "info", "local", "remote"):
            assert os.stat(f"{made.path}/queue/{path}").st_uid == owners["qmails"], path
        for path in queue_files(made, "mess"):
            assert os.stat(f"{made.path}/queue/{path}").st_uid == owners["qmailq"], path
        for name, owner in (("info/0", "qmails"), ("local/3", "qmails"), ("mess/0", "qmailq"), ("bounce", "qmails")):
            assert os.stat(f"{made.path}/queue/{name}").st_uid == owners[owner], name
        assert made.run("qmtwist", "check", "--home", made.path) == ""


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
        until(lambda: f"remote\t{FAR}" in made.run("qmail-qread"))


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
        until(lambda: "70001" not in made.run("qmail-qread"))
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
        until(lambda: queue_files(made, "mess", "intd", "pid") == ["intd/80002", f"mess/{80002 % 23}/80002"])


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


def test_listings(office: Office) -> None:
    """S107, S108, S066: date, number, size, sender, recipients; done ones are marked."""
    made = office.town
    made.file("joe", ".qmail-listed", "|test -e listed || exit 111\n")
    assert "deferral" in office.deliver(f"joe-listed@{H}", "lister@far.example")
    lines = made.run("qmail-qread").splitlines()
    (place,) = [at for at, line in enumerate(lines) if "<lister@far.example>" in line]
    assert re.fullmatch(r"\d+ \w{3} \d{4} \d\d:\d\d:\d\d GMT  #1\d{10}  \d+  <lister@far\.example> ", lines[place])
    assert lines[place + 1].split() == ["local", f"joe-listed@{H}"]
    said = made.run("qmail-qstat").splitlines()
    assert said[0].startswith("messages in queue: ") and said[1] == "messages in queue but not yet preprocessed: 0"


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
        until(lambda: "#70012" in made.run("qmail-qread") and "#70011" not in made.run("qmail-qread"))


def test_qmail_queue_says_what_went_wrong(office: Office) -> None:
    """S118."""
    program = office.town.program("qmail-queue")

    def code(message: str, envelope: str) -> int:
        script = f"{program} {message} 1<{envelope}"
        return subprocess.run(["/bin/sh", "-c", script], env=environment(), preexec_fn=office.before_exec).returncode

    folder = f"{office.town.top}/envelopes"
    os.mkdir(folder)
    for name, data in (
        ("good", b"Fs@far.example\0Tann@test.example\0\0"),
        ("cut", b"Fs@far.example\0Tann"),
        ("bad", b"X"),
    ):
        with open(f"{folder}/{name}", "wb") as stream:
            stream.write(data)
    os.chmod(folder, 0o755)
    assert code("</dev/null", f"{folder}/good") == 0
    assert code("</dev/null", f"{folder}/cut") == 54
    assert code("</dev/null", f"{folder}/bad") == 91
    assert code("<&-", f"{folder}/good") == 54


def test_a_scanner_for_all_mail(place: Office) -> None:
    """S119: QMAILQUEUE in the server's environment is run for SMTP and for forwards; a user's own for qmail-inject."""
    made = place.town
    scanner = f"{made.top}/scanner"
    with open(scanner, "w", encoding="ascii") as stream:
        stream.write(
            "#!/bin/sh\nt=$(mktemp) || exit 51\ncat > $t\ngrep -q VIRUS $t && { rm $t; exit 31; }\n"
            f"{{ echo X-Scanned: yes; cat $t; }} > $t.2\n{made.path}/bin/qmail-queue < $t.2\n"
            "code=$?; rm $t $t.2; exit $code\n"
        )
    os.chmod(scanner, 0o755)
    made.file("joe", ".qmail-fwd", f"&ann@{H}\n")
    command = place.command
    place.command = lambda: ["/usr/bin/env", f"QMAILQUEUE={scanner}", *command()]  # type: ignore[method-assign]
    with running(place):
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"joe-fwd@{H}"], b"Subject: clean\r\n\r\n")
        assert place.wait_for_messages("ann", 1)[0].count(b"X-Scanned: yes\n") == 2
        text = f"To: ann@{H}\nSubject: VIRUS\n\n"
        ended = made.attempt("qmail-inject", text=text, more={"QMAILQUEUE": scanner})
        assert ended.returncode == 100
        assert made.attempt("qmail-inject", text=text).returncode == 0


def test_no_more_slots_than_the_files_say(place: Office) -> None:
    """S025, S026, S081."""
    made = place.town
    made.write("control/concurrencylocal", "0\n")
    made.write("control/concurrencyremote", "400\n")
    with running(place):
        place.wait_for_line("status: local 0/0 remote 0/400")
        place.queue(f"ann@{H}")
        place.wait_for_line("info msg")
        until(lambda: f"local\tann@{H}" in made.run("qmail-qread"))
        place.stop()
    assert made.messages("ann") == []
    os.unlink(f"{made.path}/control/concurrencylocal")
    with running(place):
        place.wait_for_messages("ann", 1)


def test_the_remote_agent_reports(place: Office) -> None:
    """S083, S084, S085, S225: lines of success, failure and deferral, by a program in the place of qmail-remote."""
    made = place.town
    with open(f"{made.path}/bin/qmail-remote", "w", encoding="ascii") as stream:
        stream.write(REMOTE)
    os.chmod(f"{made.path}/bin/qmail-remote", 0o755)
    with running(place):
        assert place.deliver("good@away.example").endswith(
            "success: 192.0.2.1_accepted_message./Remote_host_said:_250_ok/"
        )
        assert "deferral: Connected_to_192.0.2.1_but_connection_died._(#4.4.2)/" in place.deliver("soft@away.example")
        assert "failure: 192.0.2.1_does_not_like_recipient./" in place.deliver("bad@away.example", f"ann@{H}")
        (bounce,) = place.wait_for_messages("ann", 1)
        assert b"<bad@away.example>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 no (#5.1.1)\n" in bounce


def test_processes_have_accounts_of_their_own(office: Office) -> None:
    """S010, S011: nothing that reads the network is root; queue, remote agent and deliveries have different uids."""
    made = office.town
    if not made.is_real:
        pytest.skip("needs root: accounts of their own")
    made.file("ann", ".qmail-who", "|while ! test -e go2; do sleep 0.05; done\n")
    office.queue(f"ann-who@{H}")
    uids = {MAIL_UIDS["qmailq"][0], MAIL_UIDS["qmailr"][0], made.owner("ann")[0], 0}

    def seen() -> set[int]:
        return {os.stat(f"/proc/{pid}").st_uid for pid in tree(office.pid) if os.path.exists(f"/proc/{pid}")}

    until(lambda: uids <= seen())
    assert os.stat(f"/proc/{office.pid}").st_uid == MAIL_UIDS["qmailq"][0]
    texts = [read(f"/proc/{pid}/cmdline") for pid in tree(office.pid)]
    assert any(b"qmail-lspawn" in text for text in texts) and any(b"qmail-rspawn" in text for text in texts), texts
    made.file("ann", "go2", "")

"""qmailctl with every verb of Life with qmail 2.8.2, the server kept by hand, by a supervise, or by somebody else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import LIMIT_S, TWISTD, environment, free_port, running
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"


@pytest.fixture
def made() -> Iterator[Town]:
    with town("joe", "ann") as place:
        yield place
        if ctl(place, "stat").startswith("qmtwist: up"):
            ctl(place, "stop")


def ctl(made: Town, *words: str) -> str:
    """Run it to its good end; what it printed."""
    return made.run("qmailctl", *words)


def write_start_script(made: Town, port: int) -> None:
    """A server with SMTP, as a start script starts it."""
    listen = f"--listen smtp=tcp:{port}:interface=127.0.0.1 --listen pop3="
    path = f"{made.path}/rc"
    Path(path).write_text(
        f"#!/bin/sh\nexec {TWISTD} -n --pidfile= qmtwist --home {made.path} {listen}\n", encoding="ascii"
    )
    os.chmod(path, 0o755)


def answers(port: int) -> bool:
    """Whether somebody greets there."""
    try:
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


def queue(made: Town, recipient: str = f"joe@{H}") -> None:
    Office(made).queue(recipient)


def test_start_stop_and_restart_by_hand(made: Town) -> None:
    """S062, S068: HOME/rc runs it; port 25 is refused after a stop, and the queue is kept."""
    port = free_port()
    write_start_script(made, port)
    assert ctl(made, "stat").startswith("qmtwist: down\nmessages in queue: 0\n")
    assert ctl(made, "start") == "Starting qmtwist\n"
    wait_until(lambda: answers(port))
    assert re.fullmatch(r"qmtwist is running already \(pid \d+\)\n", ctl(made, "start"))
    queue(made)
    wait_until(lambda: made.messages("joe"))
    assert re.match(r"qmtwist: up \(pid \d+\) \d+ seconds\nmessages in queue: 0\n", ctl(made, "stat"))
    queue(made, "x@far.example")
    first = ctl(made, "stat").splitlines()[0]
    assert ctl(made, "restart") == "Stopping qmtwist...\nStarting qmtwist\n"
    wait_until(lambda: answers(port))
    assert ctl(made, "stat").splitlines()[0].split()[:4] != first.split()[:4]
    assert ctl(made, "stop") == "Stopping qmtwist...\n"
    assert not answers(port)
    assert "messages in queue: 1\n" in ctl(made, "stat")
    assert ctl(made, "stop") == "qmtwist is not running\n"


def test_a_server_that_does_not_start_is_reported(made: Town) -> None:
    assert b"boot" in made.attempt("qmailctl", "start").stderr
    shutil.copy(f"{made.path}/boot/home", f"{made.path}/rc")
    for name in ("me", "locals"):
        os.unlink(f"{made.path}/control/{name}")
    ended = made.attempt("qmailctl", "start")
    assert ended.returncode == 111 and b"rc ended with status 111" in ended.stderr


def test_pause_and_cont_lose_no_connection_and_no_mail(made: Town) -> None:
    """S067: while it pauses nothing leaves and connections wait; then all goes on."""
    with running(Office(made)) as office:
        with office.smtp() as before:
            assert ctl(made, "pause") == "Pausing qmtwist\n"
            assert ", paused\n" in ctl(made, "stat")
            since = office.mark()
            before.sendmail("s@far.example", [f"joe@{H}"], b"Subject: session goes on\r\n\r\n")
        office.queue(f"joe@{H}")
        office.queue("x@far.example")
        waiting = socket.create_connection(("127.0.0.1", office.smtp_port), LIMIT_S)
        office.signal(signal.SIGALRM)
        office.signal(signal.SIGHUP)
        waiting.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        with socket.create_connection(("127.0.0.1", office.pop3_port), LIMIT_S) as reader:
            assert reader.recv(3) == b"+OK"
        assert not any(line.startswith("starting delivery") for line in office.log[since:])
        assert "messages in queue: 3\n" in ctl(made, "stat")
        assert ctl(made, "pause") == "Pausing qmtwist\n"  # a second time
        assert ctl(made, "cont") == "Continuing qmtwist\n"
        waiting.settimeout(LIMIT_S)
        assert waiting.recv(3) == b"220"
        waiting.close()
        office.wait_for_messages("joe", 2)
        office.wait_for(lambda line: line.startswith("starting delivery") and "far.example" in line, since)
        assert "paused" not in ctl(made, "stat")
        assert "status: local 0/10 remote 0/20" in office.log[since:]


def test_a_running_delivery_ends_while_it_pauses(made: Town) -> None:
    made.file("joe", ".qmail-slow", "|echo x > began; while ! test -e go; do sleep 0.05; done; echo done\n")
    with running(Office(made)) as office:
        office.queue(f"joe-slow@{H}")
        wait_until(lambda: made.read("joe", "began"))
        ctl(made, "pause")
        made.file("joe", "go", "")
        assert "success: done/" in office.wait_for(lambda line: line.startswith("delivery 1: "))
        office.stop()
        office.log.clear()
        office.start()  # a restart ends the pause
        office.queue(f"joe@{H}")
        office.wait_for_messages("joe", 1)


def test_flush_and_reload_are_signals(made: Town) -> None:
    """S064, S065."""
    with running(Office(made)) as office:
        office.queue("x@far.example")
        office.wait_for_line("delivery 1: deferral")
        for verb in ("doqueue", "flush", "alarm", "alrm"):
            since = office.mark()
            assert ctl(made, verb) == "Flushing timeout table and sending ALRM signal to qmail-send.\n"
            office.wait_for_line("deferral", since)
        for verb, limit in (("reload", 7), ("hup", 8)):
            made.write("control/concurrencylocal", f"{limit}\n")
            since = office.mark()
            assert ctl(made, verb) == "Sending HUP signal to qmail-send.\n"
            office.wait_for_line("control/concurrencylocal", since)
        assert "deferral" in "\n".join(office.log)


def test_queue_shows_both_reports(made: Town) -> None:
    """S066."""
    with running(Office(made)) as office:
        office.queue("x@far.example")
        office.wait_for_line("deferral")
        said = ctl(made, "queue")
    assert said.startswith("messages in queue: 1\n") and "<s@far.example>" in said and "remote\tx@far.example" in said


def test_help_and_usage(made: Town) -> None:
    """S070."""
    said = ctl(made, "help")
    verbs = ["start", "stop", "restart", "pause", "cont", "stat", "doqueue", "reload", "queue", "cdb", "help"]
    assert [verb for verb in verbs if not re.search(f"^{verb} ", said, re.MULTILINE)] == []
    for words in ((), ("nonsense",), ("start", "now")):
        ended = made.attempt("qmailctl", *words)
        usage = b"{start|stop|restart|doqueue|flush|reload|stat|pause|cont|cdb|queue|help}\n"
        assert (ended.returncode, ended.stderr) == (1, b"Usage: qmailctl " + usage)


def test_what_needs_a_server_says_that_there_is_none(made: Town) -> None:
    for verb in ("pause", "cont", "reload", "flush"):
        ended = made.attempt("qmailctl", verb)
        assert ended.returncode == 111 and b"the server is not running" in ended.stderr


def test_others_may_not_steer(made: Town) -> None:
    """Neither by signals nor over the socket."""
    if not made.is_real:
        pytest.skip("no private name spaces here")
    with running(Office(made)) as office:
        for verb in ("pause", "cont", "reload", "flush", "stop", "restart"):
            assert made.attempt("qmailctl", verb, user="joe").returncode == 111
        office.queue(f"joe@{H}")
        office.wait_for_messages("joe", 1)
        order = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b'5:pause,'); "
        order += "sys.exit(len(s.recv(100)))"
        ended = made.attempt(sys.executable, "-c", order, f"{made.path}/run/injection", user="joe")
        assert ended.returncode == 0, ended
        office.wait_for_line("said pause")
        assert "paused" not in ctl(made, "stat")


@pytest.mark.skipif(shutil.which("supervise") is None, reason="no daemontools here")
def test_a_supervised_server(made: Town) -> None:
    """S062, S063, S068: the directories of Life with qmail below HOME/supervise, kept by daemontools' supervise."""
    port = free_port()
    scripts = {
        "qmail-send": 'exec env - PATH="$HOME_/bin:$PATH" qmail-start ./Maildir/\n',
        "qmail-smtpd": f"exec {made.path}/bin/tcpserver -RHl0 127.0.0.1 {port} {made.path}/bin/qmail-smtpd 2>&1\n",
    }
    keepers = []
    for name, script in scripts.items():
        directory = f"{made.path}/supervise/{name}"
        os.makedirs(directory)
        Path(f"{directory}/run").write_text("#!/bin/sh\n" + script.replace("$HOME_", made.path), encoding="ascii")
        os.chmod(f"{directory}/run", 0o755)
        Path(f"{directory}/down").touch()
    try:
        assert "qmail-send supervise not running\n" in ctl(made, "start")
        for name in scripts:
            keepers.append(
                subprocess.Popen(
                    ["supervise", f"{made.path}/supervise/{name}"],
                    stdout=subprocess.DEVNULL,
                    env=environment(),
                    preexec_fn=made.before_exec(),
                )
            )
        for name in scripts:
            wait_until(lambda name=name: os.path.exists(f"{made.path}/supervise/{name}/supervise/status"))
        assert ctl(made, "start") == "Starting qmail\n"
        wait_until(lambda: answers(port))
        wait_until(lambda: "messages in queue: 0" in ctl(made, "stat"))
        lines = ctl(made, "stat").splitlines()
        assert re.match(r"\S+/qmail-send: up \(pid \d+\) \d+ seconds", lines[0])
        assert re.match(r"\S+/qmail-smtpd: up \(pid \d+\) \d+ seconds", lines[1])
        wait_until(lambda: made.attempt("qmailctl", "pause").returncode == 0)  # it has started
        queue(made)
        assert "paused" in ctl(made, "stat") and made.messages("joe") == []
        ctl(made, "cont")
        wait_until(lambda: made.messages("joe"))
        said = ctl(made, "restart").splitlines()
        assert said[0] == "Restarting qmail:" and said[-1] == "* Restarting qmail-smtpd."
        wait_until(lambda: answers(port))
        assert ctl(made, "stop") == "Stopping qmail...\n  qmail-smtpd\n  qmail-send\n"
        wait_until(lambda: not answers(port))
    finally:
        for name in scripts:
            path = f"{made.path}/supervise/{name}/supervise/control"
            if os.path.exists(path):
                descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                os.write(descriptor, b"dx")
                os.close(descriptor)
        for keeper in keepers:
            keeper.wait(LIMIT_S)
        shutil.rmtree(f"{made.path}/supervise")

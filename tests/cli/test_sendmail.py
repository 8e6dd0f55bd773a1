"""sendmail and those that are it under another name, as programs, with a stand-in for the queue."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.inject_home import TOP, Home

USAGE = b"sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]\n"
# Every option that some program passes to some sendmail, as cron, PHP, git, mutt, s-nail, Mailman and Dovecot do it.
HARMLESS = (
    *(
        "-i",
        "-oi",
        "-oem",
        "-odb",
        "-odi",
        "-odq",
        "-om",
        "-o7",
        "-o",
        "i",
        "-em",
        "-e",
        "q",
        "-m",
        "-v",
        "-n",
        "-x",
        "-c",
    ),
    *("-G", "-U", "-B8BITMIME", "-B", "7BIT", "-bm", "-d0.1", "-d", "-E", "-J", "-pSMTP:host", "-h", "3", "-Am", "-Ac"),
    *("-N", "never", "-Nsuccess,delay,failure", "-Rhdrs", "-R", "full", "-V", "envid", "-L", "tag", "-X", "/tmp/x.log"),
    *("-D", "/tmp/x", "-C", "/etc/mail/sendmail.cf", "-OTimeout=1h", "-O", "DeliveryMode=b", "-M{name}value"),
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_any_program_passes_is_accepted(home: Home) -> None:
    assert home.run("sendmail", *HARMLESS, "ann@b.c", message=b"Subject: s\n\nx\n") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None and queued[0] == b"Fjoe@me.example\0Tann@b.c\0\0"


def test_it_takes_what_cron_gives_it(home: Home) -> None:
    words = ("-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t")
    assert home.run("sendmail", *words, message=b"To: root\nSubject: Cron\n\nout\n") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None and queued[0] == b"Fjoe@me.example\0Troot@me.example\0\0"
    assert b'From: "CronDaemon" <joe@me.example>\n' in queued[1]


@pytest.mark.parametrize("option", ["-f", "-r"])
def test_f_sets_sender_and_from(home: Home, option: str) -> None:
    assert home.run("sendmail", option, "bob@x.y", "--", "ann@b.c", message=b"Subject: s\n\nx\n", NAME="Joe")[0] == 0
    queued = home.queued()
    assert queued is not None and queued[0].startswith(b"Fbob@x.y\0") and b"\nFrom: bob@x.y\n" in queued[1]


@pytest.mark.parametrize("words", [("-FBob B.", "-fbob@x.y"), ("-f", "bob@x.y", "-F", "Bob B.")])
def test_the_name_is_kept_beside_the_sender(home: Home, words: tuple[str, ...]) -> None:
    assert home.run("sendmail", *words, "ann@b.c", message=b"\nx\n", QMAILNAME="Joe")[0] == 0
    queued = home.queued()
    assert queued is not None and b'\nFrom: "Bob B." <bob@x.y>\n' in queued[1]


@pytest.mark.parametrize("sender", ["", "<>"])
def test_the_null_sender_has_two_names(home: Home, sender: str) -> None:
    assert home.run("sendmail", "-f", sender, "ann@b.c", message=b"From: a@b.c\n\nx\n")[0] == 0
    queued = home.queued()
    assert queued is not None and queued[0].startswith(b"F\0T")


def test_a_sender_in_brackets_is_the_address_inside(home: Home) -> None:
    assert home.run("sendmail", "-f<bob@x.y>", "--", "<ann@b.c>", message=b"\nx\n")[0] == 0
    queued = home.queued()
    assert queued is not None and queued[0] == b"Fbob@x.y\0Tann@b.c\0\0"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("-z",), b"sendmail: illegal option -- z\n" + USAGE),
        (("-f",), b"sendmail: option requires an argument -- f\n" + USAGE),
        (("-N", "ann@b.c"), b"sendmail: illegal value for option N -- ann@b.c\n" + USAGE),
        (("-R", "ann@b.c"), b"sendmail: illegal value for option R -- ann@b.c\n" + USAGE),
        (("-h", "ann@b.c"), b"sendmail: illegal value for option h -- ann@b.c\n" + USAGE),
        (("-A", "ann@b.c"), b"sendmail: illegal value for option A -- ann@b.c\n" + USAGE),
        (("-bz",), USAGE),
    ],
)
def test_wrong_use_is_64(home: Home, words: tuple[str, ...], complaint: bytes) -> None:
    assert home.run("sendmail", *words, message=b"To: a@b.c\n\n") == (64, b"", complaint)
    assert home.queued() is None


@pytest.mark.parametrize(
    ("option", "hint"),
    [("-bd", b"twistd"), ("-bD", b"twistd"), ("-bt", b"-bv"), ("-bh", b"tcpto"), ("-q9m", b"timetable")],
)
def test_what_is_done_otherwise_here_is_refused_with_a_hint(home: Home, option: str, hint: bytes) -> None:
    status, _, complaint = home.run("sendmail", option, "ann@b.c")
    assert (
        status == 64
        and hint in complaint
        and complaint.startswith(b"sendmail: fatal: ")
        and complaint.count(b"\n") == 1
    )
    assert home.queued() is None


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (64, b"Subject: lost\n\n", ()),
        (64, b"Subject: lost\n\n", ("-t",)),
        (65, b"From: joe (\nTo: c\n\n", ("-t",)),
        (65, b"\n", ("a@b<c",)),
    ],
)
def test_what_is_wrong_with_a_message_is_told_by_sysexits(
    home: Home, status: int, message: bytes, words: tuple[str, ...]
) -> None:
    assert home.run("sendmail", *words, message=message)[0] == status
    assert home.queued() is None


@pytest.mark.parametrize(("code", "status"), [(31, 69), (11, 69), (53, 75), (71, 75), (81, 75), (120, 75)])
def test_the_queues_verdict_is_69_or_75(home: Home, code: int, status: int) -> None:
    home.queue(code)
    assert home.run("sendmail", "a@b.c", message=b"\nx\n")[0] == status


def test_a_home_that_is_not_there_is_temporary(home: Home) -> None:
    home.path = home.path / "elsewhere"
    assert home.run("sendmail", "a@b.c", message=b"\nx\n")[0] == 75
    assert home.run("sendmail", "-bp") == (75, b"", b"sendmail: fatal: unable to run qmail-qread\n")


def test_who_never_closes_the_pipe_is_not_waited_for_for_ever(home: Home) -> None:
    """S264."""
    code = f"""import sys; sys.path[:0] = [{TOP!r}]; sys.argv[1:] = ["ann@b.c"]
import qmtwist.cli.submit.sendmail as it; it.READ_LIMIT_S = 1
from qmtwist.cli.launch import run; run("sendmail", {str(home.path)!r})"""
    environ = {"PATH": "/usr/bin:/bin", "QMAILQUEUE": str(home.path / "recorder")}
    with subprocess.Popen(
        [sys.executable, "-IS", "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    ) as held:
        assert held.stdin is not None and held.stderr is not None
        held.stdin.write(b"Subject: never\n\nends")
        held.stdin.flush()
        assert held.stderr.read() == b"sendmail: fatal: the message did not end within 1 seconds\n"
        assert held.wait(30) == 75
    # the recorder keeps whatever it is given; an envelope it was not given, without which qmail-queue takes nothing
    deadline = time.monotonic() + 30
    while home.queued() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    queued = home.queued()
    assert queued is not None and queued[0] == b""


@pytest.mark.parametrize(
    "words", [("mailq",), ("mailq", "-v"), ("mailq", "-Ac"), ("sendmail", "-bp"), ("sendmail", "-bp", "-z")]
)
def test_mailq_runs_qmail_qread(home: Home, words: tuple[str, ...]) -> None:
    home.program("qmail-qread", "echo the queue\n")
    assert home.run(*words) == (0, b"the queue\n", b"")


def test_mailq_complains_by_its_own_name(home: Home) -> None:
    assert home.run("mailq", "-z") == (64, b"", b"mailq: illegal option -- z\n" + USAGE)


@pytest.mark.parametrize("name", ["mailq", "newaliases"])
def test_a_link_to_sendmail_is_what_it_is_called(home: Home, name: str) -> None:
    home.program({"mailq": "qmail-qread"}.get(name, name), "echo here\n")
    code = f"""import sys; sys.path[:0] = [{TOP!r}]; sys.argv[0] = "/usr/bin/{name}"
from qmtwist.cli.launch import run; run("sendmail", {str(home.path)!r})"""
    assert subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, check=True).stdout == b"here\n"


@pytest.mark.parametrize("option", ["-bi", "-I"])
def test_aliases_are_made_by_newaliases(home: Home, option: str) -> None:
    home.program("newaliases", 'echo "made $#"\nexit 3\n')
    assert home.run("sendmail", option) == (3, b"made 0\n", b"")


def test_bs_runs_qmail_smtpd_as_a_local_client(home: Home) -> None:
    smtpd = home.program("qmail-smtpd", 'echo "$PROTO $TCPREMOTEIP ${RELAYCLIENT-no}"\n')
    assert home.run("sendmail", "-bs")[1] == b"TCP 127.0.0.1 \n"
    assert home.run("sendmail", "-bs", PROTO="TCP", TCPREMOTEIP="10.0.0.1")[1] == b"TCP 10.0.0.1 no\n"
    smtpd.unlink()
    assert home.run("sendmail", "-bs") == (75, b"", b"sendmail: fatal: unable to run qmail-smtpd\n")


def test_q_hurries_the_server(home: Home) -> None:
    assert home.run("sendmail", "-q", "ann@b.c")[0] == 64
    assert home.run("sendmail", "-q") == (75, b"", b"sendmail: fatal: -q: the server is not running\n")
    (home.path / "queue/lock").mkdir(parents=True)
    from qmtwist.store.queue.layout import Layout

    path = Layout(str(home.path / "queue")).socket
    os.makedirs(os.path.dirname(path), exist_ok=True)
    hurried: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: hurried.append(number))
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            assert home.run("sendmail", "-q") == (0, b"", b"")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert hurried == [signal.SIGALRM]

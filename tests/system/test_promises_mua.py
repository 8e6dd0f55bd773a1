"""sendmail as mail readers and scripts call it, the real ones where they are installed, on a running server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import TOP, environment, running
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
LETTER = "Subject: s\n\nbody\n"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "tom") as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture
def made(office: Office) -> Town:
    for user in office.town.users:
        office.town.forget(user)
    return office.town


def setting(program: str, made: Town) -> str:
    """What the table of the how-to tells users of a program to set (S267), for this home."""
    with open(f"{TOP}/docs/howto/mail-programs.md", encoding="utf-8") as stream:
        rows = [line.split(" | ") for line in stream if line.startswith(f"| {program}")]
    assert len(rows) == 1
    return rows[0][2].split("`")[1].replace("/var/qmail", made.path)


def installed(name: str) -> str:
    """The path of a program, or a skipped test."""
    found = name if os.access(name, os.X_OK) else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def as_joe(made: Town, *words: str, text: str | bytes = b"") -> None:
    """Run a program as joe, with his home and name, to its good end."""
    more = {"HOME": made.directory("joe"), "USER": "joe", "LOGNAME": "joe", "MAILRC": "/dev/null", "TERM": "dumb"}
    ended = made.attempt(*words, text=text, user="joe", more=more)
    assert ended.returncode == 0, (words, ended.stdout, ended.stderr)


def shell(made: Town, command: str, text: str | bytes = b"", status: int = 0) -> bytes:
    """Run a command line as joe; what it printed."""
    ended = made.attempt("sh", "-c", command, text=text, user="joe", more={"USER": "joe", "LOGNAME": "joe"})
    assert ended.returncode == status, (command, ended.stdout, ended.stderr)
    return ended.stdout


def arrived(office: Office, user: str, *wanted: bytes) -> bytes:
    """The one message that a person gets."""
    found = office.wait_for_messages(user, 1)
    assert len(found) == 1
    for text in wanted:
        assert text in found[0], found[0]
    return found[0]


# -- S259: the ways programs call it


@pytest.mark.parametrize(
    "options",
    [
        "-FCronDaemon -i -B8BITMIME -oem ann",  # Debian's cron
        "-FCronDaemon -i -odi -oem -oi -t -f joe",  # cronie
        "-FCronDaemon -odi -oem -oi -t",  # Vixie's cron
        "-t -i",  # PHP
        "-oem -oi -t",  # pine and alpine, S262
        "-oi -t -odb",  # Emacs, atd, smartd
        "-t -oi -f joe",  # logwatch, WordPress
        "-G -i -f joe ann",  # Postfix's own clients, amavis
        "-N failure,delay -R hdrs -V id-1 -oem -oi -f joe -- ann",  # mutt with dsn_notify
        "-i -f <joe@test.example> -- <ann@test.example>",  # Dovecot
        "-O DeliveryMode=b -L tag -X /dev/null -t",  # sendmail's own documents
    ],
)
def test_every_way_of_calling_it_delivers(office: Office, made: Town, options: str) -> None:
    words = " ".join(f"'{word}'" for word in options.split())
    shell(made, f"{made.program('sendmail')} {words}", f"To: ann\n{LETTER}")
    message = arrived(office, "ann", b"\nSubject: s\n\nbody\n")
    assert message.startswith(b"Return-Path: <joe@test.example>\n")
    if "Cron" in options:
        assert b'\nFrom: "CronDaemon" <joe@test.example>\n' in message


def test_a_dot_alone_does_not_end_the_message(office: Office, made: Town) -> None:
    shell(made, f"{made.program('sendmail')} ann", "Subject: s\n\n1\n.\n2\n")
    arrived(office, "ann", b"\n\n1\n.\n2\n")


def test_t_takes_the_header_and_the_arguments(office: Office, made: Town) -> None:
    shell(made, f"{made.program('sendmail')} -t tom", "To: joe\nBcc: ann\nSubject: s\n\n")
    for user in ("joe", "ann", "tom"):
        assert b"Bcc" not in arrived(office, user)


def test_bs_is_a_session(office: Office, made: Town) -> None:
    """S259, S263: what nmh and pine speak to it."""
    lines = ["EHLO localhost", f"MAIL FROM:<joe@{H}>", f"RCPT TO:<ann@{H}>", "RCPT TO:<x@far.example>", "DATA"]
    said = shell(
        made, f"{made.program('sendmail')} -bs", "\r\n".join([*lines, "Subject: s", "", "body", ".", "QUIT", ""])
    )
    assert (
        b" ".join([line[:3] for line in said.split(b"\r\n") if line[3:4] == b" "]) == b"220 250 250 250 250 354 250 221"
    )
    arrived(office, "ann", b"\nSubject: s")


def test_bp_lists_what_waits(office: Office, made: Town) -> None:
    since = office.mark()
    shell(made, f"{made.program('sendmail')} -f joe wait@far.example", LETTER)
    office.wait_for(lambda line: "to remote wait@far.example" in line, since)
    assert "wait@far.example" in made.run("sendmail", "-bp")
    link = f"{made.directory('joe')}/mailq"
    os.symlink(made.program("sendmail"), link)
    # Mail of the tests before may still be on its way: some moment finds it the same before and after.
    wait_until(lambda: made.run("qmail-qread") == made.run("mailq") == made.run(link) == made.run("qmail-qread"))


def test_q_makes_all_mail_due(office: Office, made: Town) -> None:
    """What scripts run when a line to the network comes up."""
    since = office.mark()
    shell(made, f"{made.program('sendmail')} -f joe later@far.example", LETTER)
    number = office.wait_for(lambda line: "to remote later@far.example" in line, since).split()[2]
    office.wait_for(lambda line: line.startswith(f"delivery {number} deferral"), since)
    since = office.mark()
    made.run("sendmail", "-q")
    office.wait_for(lambda line: "to remote later@far.example" in line, since)
    if made.is_real:
        assert made.attempt("sendmail", "-q", user="joe").returncode == 77


def test_exit_codes_are_those_of_sysexits(made: Town) -> None:
    program = made.program("sendmail")
    shell(made, program, LETTER, 64)
    shell(made, f"{program} -t", LETTER, 64)
    shell(made, f"{program} -bd", "", 64)
    shell(made, f"{program} -t", "To: ann\nFrom: joe (\n\n", 65)
    shell(made, f"QMAILQUEUE=/bin/false {program} ann", LETTER, 75)
    scanner = made.file("joe", "scanner", "#!/bin/sh\ncat >/dev/null\nexit 31\n", 0o755)
    shell(made, f"QMAILQUEUE={scanner} {program} ann", LETTER, 69)
    assert not made.messages("ann")


# -- S260 to S263: the programs themselves


def test_mutt_sends(office: Office, made: Town) -> None:
    """S260; the settings are those of the how-to."""
    mutt = installed("mutt")
    settings = [setting("mutt", made), "set record=''", "set dsn_notify=failure,delay"]
    settings += ["set dsn_return=hdrs", "set use_envelope_from=yes", "set use_8bitmime=yes", f"set from=joe@{H}"]
    options = [word for setting in settings for word in ("-e", setting)]
    as_joe(made, mutt, "-n", "-F", "/dev/null", *options, "-s", "from mutt", "--", f"ann@{H}", text="Grüße\n")
    message = arrived(office, "ann", b"\nSubject: from mutt\n", b"\n\nGr\xfc\xdfe\n")
    assert message.startswith(b"Return-Path: <joe@test.example>\n")


def test_s_nail_sends(office: Office, made: Town) -> None:
    """S260: mailx."""
    nail = installed("s-nail")
    mta = setting("mailx", made).removeprefix("set ")
    as_joe(made, nail, "-n", "-S", mta, "-S", "sendwait", "-s", "from s-nail", f"ann@{H}", text="text\n")
    arrived(office, "ann", b"\nSubject: from s-nail\n", b"\n\ntext\n")


def test_git_send_email_sends(office: Office, made: Town) -> None:
    git = installed("git")
    installed("/usr/lib/git-core/git-send-email")
    if subprocess.run(["perl", "-MMail::Address", "-e", "1"], capture_output=True).returncode:
        pytest.skip("git send-email has not all it needs")
    patch = f"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: Joe <joe@{H}>\n"
    patch += "Date: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: [PATCH] one line\n\n---\n a | 1 +\n\n-- \n2.0\n"
    path = made.file("joe", "0001-one.patch", patch)
    settings = f"[user]\nname = Joe\nemail = joe@{H}\n[sendemail]\n{setting('git', made)}\n"
    made.file("joe", ".gitconfig", settings + "envelopeSender = auto\nconfirm = never\nvalidate = false\n")
    as_joe(made, git, "send-email", "--quiet", "--suppress-cc=all", f"--to=ann@{H}", path)
    message = arrived(office, "ann", b"\nSubject: [PATCH] one line\n", b"\n-- \n2.0\n")
    assert message.startswith(b"Return-Path: <joe@test.example>\n")


@pytest.mark.parametrize("way", ["sendmail/pipe", "sendmail/smtp"])
def test_nmh_sends(office: Office, made: Town, way: str) -> None:
    """S263: `send` runs `post`, which talks to sendmail -t or -bs."""
    send = installed("/usr/bin/mh/send")
    made.folder("joe", "Mail")
    made.file("joe", ".mh_profile", f"Path: {made.directory('joe')}/Mail\n")
    program = setting("MH", made).removeprefix("sendmail: ")
    draft = made.file("joe", "draft", f"From: joe@{H}\nTo: ann@{H}\nSubject: from nmh\n--------\ntext\n")
    as_joe(made, send, "-mts", way, "-sendmail", program, draft)
    arrived(office, "ann", b"\nSubject: from nmh\n", b"\n\ntext\n")


def test_php_sends(office: Office, made: Town) -> None:
    """S258, S259: mail() pipes CR LF into `sendmail -t -i`."""
    php = installed("php")
    code = f'exit(mail("ann@{H}", "from PHP", "one\\ntwo", "From: joe@{H}\\r\\nX-Two: 2") ? 0 : 1);'
    as_joe(made, php, "-d", setting("PHP", made), "-r", code)
    message = arrived(office, "ann", b"\nSubject: from PHP\n", b"\nX-Two: 2\n", b"\n\none\ntwo\n")
    assert b"\r" not in message


@pytest.mark.parametrize("program", ["pine", "Mail", "Dovecot"])
def test_other_settings_are_command_lines_that_send(office: Office, made: Town, program: str) -> None:
    """S267, S262: of programs that are not tried themselves."""
    command = setting(program, made).split("=")[1].strip()
    shell(made, command if "-t" in command.split() else f"{command} ann", f"To: ann\n{LETTER}")
    arrived(office, "ann")


# -- S261, S265: dates and subjects


def test_datemail_writes_local_time(office: Office, made: Town) -> None:
    """S261: `set sendmail=.../datemail`."""
    shell(made, f"TZ=XXX-5:30 {made.program('datemail')} -t", f"To: ann\n{LETTER}")
    message = arrived(office, "ann")
    assert re.search(rb"\nDate: \d+ \w{3} \d{4} \d\d:\d\d:\d\d \+0530\n", message) and message.count(b"\nDate:") == 1


def test_mailsubj_and_predate(office: Office, made: Town) -> None:
    """S265."""
    shell(made, f"{made.program('mailsubj')} 'backup failed\nBcc: tom' ann", "log\n")
    arrived(office, "ann", b"\nSubject: backup failed Bcc: tom\nTo: ann@test.example\n\nlog\n")
    shell(made, f"TZ=XXX+3:30 {made.program('predate')} {made.program('qmail-inject')} joe", LETTER)
    arrived(office, "joe", b" -0330\n")
    assert not made.messages("tom")


# -- S264: callers that do not come to an end


def test_who_does_not_close_the_pipe_holds_up_nobody(office: Office, made: Town) -> None:
    """S264."""
    before = made.before_exec("joe")
    callers = []
    try:
        for _ in range(20):
            caller = subprocess.Popen(
                [made.program("sendmail"), "tom"], stdin=subprocess.PIPE, env=environment(), preexec_fn=before
            )
            callers.append(caller)
            assert caller.stdin is not None
            caller.stdin.write(b"Subject: unfinished\n\nsome text")
            caller.stdin.flush()
        shell(made, f"{made.program('sendmail')} ann", LETTER)
        arrived(office, "ann")
    finally:
        for caller in callers:
            caller.kill()
            caller.wait()
            assert caller.stdin is not None
            caller.stdin.close()
    shell(made, f"{made.program('sendmail')} ann", LETTER)
    assert len(office.wait_for_messages("ann", 2)) == 2
    assert not made.messages("tom")


# -- S266: where would it go


def test_bv_and_trace_tell_where_mail_goes(made: Town) -> None:
    """S266."""
    made.file("joe", ".qmail-list", "ann\n|preline cat\n")
    told = shell(made, f"{made.program('sendmail')} -bv joe-list joe x@far.example").decode()
    assert told.startswith(f"joe-list\n    it is taken for joe-list@{H}\n    control/locals has {H}: it stays here\n")
    assert (
        f"\n    {made.directory('joe')}/.qmail-list says:\n        on to ann\n        to the program preline cat\n"
        in told
    )
    assert "\n    there is no .qmail file; control/defaultdelivery says:\n        into the maildir ./Maildir/\n" in told
    assert "\n    control/smtproutes: 127.0.0.1 port 1 gets it, by SMTP\n" in told
    assert made.run("qmtwist", "trace", "--home", made.path, "joe-list", "joe", "x@far.example") == told
    told = shell(made, f"{made.program('sendmail')} -bv nobody", status=67).decode()
    assert told.endswith("    it would come back: Sorry, no mailbox here by that name. (#5.1.1)\n")
    assert not made.messages("joe")


# -- S245: readers of mboxes


def test_qail_moves_new_mail_first(office: Office, made: Town) -> None:
    """S245: elq, pinq and qail; the reader here counts what it finds."""
    home = made.folder("joe", "")
    made.folder("joe", "readers")
    for count, (program, reader) in enumerate((("qail", "Mail"), ("elq", "elm"), ("pinq", "pine")), 1):
        made.file("joe", f"readers/{reader}", '#!/bin/sh\necho "$1 $(grep -c "^From " "$MAIL")"\n', 0o755)
        shell(made, f"{made.program('sendmail')} joe", LETTER)
        office.wait_for_messages("joe", 1)
        command = f"MAILDIR={home}/Maildir MAIL={home}/Mailbox MAILTMP={home}/Mailbox.tmp PATH={home}/readers:$PATH"
        command += f" {made.program(program)} word"
        deadline = time.monotonic() + 30
        # what has come within this second stays until the next time
        while (said := shell(made, f"touch {home}/Mailbox; {command}")) != b"word %d\n" % count:
            assert said == b"word %d\n" % (count - 1) and time.monotonic() < deadline
            time.sleep(0.1)
        assert not made.messages("joe")
    assert made.attempt("qail", user="joe").returncode == 111  # maildir2mbox has said why

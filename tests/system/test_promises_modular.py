"""Every classic program can be replaced by another of the same interface."""

from __future__ import annotations

import os
import poplib
import sys

import pytest

from tests.support.daemon import LIMIT_S, running
from tests.support.town import HOST, Office, Town, town

pytestmark = pytest.mark.system

# qmail-queue(8): the message on descriptor 0, the envelope on 1. This one marks what it passes on.
QUEUE = """#!/bin/sh
{ echo "X-Queued-By: another"; cat; } | TOP/real-qmail-queue
"""
# qmail-local(8): nine arguments. This one notes them, and hands over to the real one.
LOCAL = """#!/bin/sh
echo "$#: $2 $4 $5$6 $7 $8" >> TOP/log/local
exec TOP/real-qmail-local "$@"
"""
# qmail-remote(8): host, sender, recipients; a letter for each recipient, then one for the message.
REMOTE = """#!/bin/sh
cat > /dev/null
printf 'r%s took it.\\n\\0K%s accepted message.\\n\\0' "$3" "$1"
"""
# checkpassword: name, password and timestamp on descriptor 3, then the program that follows.
CHECKPASSWORD = """#!PYTHON -ISB
import os, sys
name, password = os.read(3, 512).split(b"\\0")[:2]
if password != b"open sesame":
    sys.exit(1)
os.environ.update(USER=name.decode(), HOME="DIRECTORY")
UIDS
os.chdir("DIRECTORY")
os.execvp(sys.argv[1], sys.argv[1:])
"""


def replace(made: Town, name: str, text: str) -> None:
    """Put another program in the place of ours, which is kept beside the home."""
    ours = made.program(name)
    os.rename(ours, f"{made.top}/real-{name}")
    with open(ours, "w", encoding="ascii") as stream:
        stream.write(text.replace("TOP", made.top))
    os.chmod(ours, 0o755)


def test_qmail_remote_may_be_another() -> None:
    """S308: by the two reports of its interface."""
    with town("joe", prepare=lambda made: replace(made, "qmail-remote", REMOTE)) as made:
        with running(Office(made)) as office:
            report = office.deliver("bob@far.example")
        assert report.endswith(": success: bob@far.example_took_it./far.example_accepted_message./")


def test_qmail_local_may_be_another() -> None:
    """S308: with its nine arguments, and by its exit code."""

    def prepare(made: Town) -> None:
        os.mkdir(f"{made.top}/log")
        os.chmod(f"{made.top}/log", 0o1777)
        replace(made, "qmail-local", LOCAL)

    with town("joe", prepare=prepare) as made, running(Office(made)) as office:
        made.file("joe", ".qmail-shop", "./Maildir/\n")
        for local in ("joe", "joe-shop"):
            assert "success" in office.deliver(f"{local}@{HOST}")
        assert len(office.wait_for_messages("joe", 2)) == 2
        with open(f"{made.top}/log/local", encoding="ascii") as stream:
            lines = stream.read().splitlines()
        assert lines == [f"9: joe joe  {HOST} s@far.example", f"9: joe joe-shop -shop {HOST} s@far.example"]


def test_checkpassword_may_be_another() -> None:
    """S308: any program of that interface, named in control/checkpassword."""

    def prepare(made: Town) -> None:
        uid, gid = made.owner("joe")
        drop = f"os.setgroups([]); os.setgid({gid}); os.setuid({uid})" if os.geteuid() == 0 else ""
        text = CHECKPASSWORD.replace("DIRECTORY", made.directory("joe")).replace("UIDS", drop)
        made.write("checkpw", text.replace("PYTHON", os.path.realpath(sys.executable)))
        os.chmod(f"{made.path}/checkpw", 0o755)
        made.write("control/checkpassword", f"{made.path}/checkpw\n")

    with town("joe", prepare=prepare) as made, running(Office(made)) as office:
        office.deliver(f"joe@{HOST}")
        office.wait_for_messages("joe", 1)
        for password, is_right in (("wrong", False), ("open sesame", True)):
            client = poplib.POP3("127.0.0.1", office.pop3_port, timeout=LIMIT_S)
            client.user("joe")
            if is_right:
                client.pass_(password)
                assert client.stat()[0] == 1
            else:
                with pytest.raises(poplib.error_proto):
                    client.pass_(password)
            client.close()


def test_qmail_queue_may_be_another() -> None:
    """S308: for the daemon's SMTP service, and for the programs that hand mail in."""
    with town("joe", prepare=lambda made: replace(made, "qmail-queue", QUEUE)) as made, running(Office(made)) as office:
        with office.smtp() as client:
            client.sendmail("s@far.example", [f"joe@{HOST}"], "Subject: x\r\n\r\nby smtp\r\n")
        made.run("qmail-inject", text=f"To: joe@{HOST}\n\nby inject\n")
        messages = office.wait_for_messages("joe", 2)
        assert all(message.count(b"\nX-Queued-By: another\n") == 1 for message in messages)

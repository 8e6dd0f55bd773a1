"""rspamd at SMTP time and in a .qmail file, as docs/howto/neighbours.md has it; its own daemon, which asks nobody."""

from __future__ import annotations

import contextlib
import os
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import free_port, running
from tests.support.neighbours import needs, recipe, script, sections
from tests.support.processes import kill_all
from tests.support.town import HOST, Office, Town, town

pytestmark = [pytest.mark.system, needs("rspamd", "rspamd")]

MARKING, SORTING = "Mark spam at SMTP", "Sort out spam with rspamd"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
HEADER = f"From: s@far.example\r\nTo: joe@{HOST}\r\nSubject: x\r\nMessage-Id: <1@far.example>\r\n\r\n"
# With the few domains of a list of our own: to compile that of the whole world takes half a minute.
SETTINGS = """
options {{ pidfile = "{top}/pid"; url_tld = "{top}/tld"; disable_hyperscan = true; filters = ""; tempdir = "{top}";
  dns {{ nameserver = ["127.0.0.1:1:10"]; timeout = 0.1s; retransmits = 1; }} }}
logging {{ type = "console"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; task_timeout = 5s; }}
actions {{ reject = 15; add_header = 6; }}
"""


@pytest.fixture(scope="module")
def rspamd() -> Iterator[int]:
    """A running rspamd; its port."""
    top, port = tempfile.mkdtemp(prefix="qmtwist-rspamd-", dir="/tmp"), free_port()
    os.chmod(top, 0o777)
    with open(f"{top}/conf", "w", encoding="ascii") as stream:
        stream.write(SETTINGS.format(top=top, port=port))
    with open(f"{top}/tld", "w", encoding="ascii") as stream:
        stream.write("example\n")
    command = ["rspamd", "-f", "-c", f"{top}/conf"]
    if os.geteuid() == 0:
        command += ["-u", "nobody", "-g", "nogroup"]
    try:
        with open(f"{top}/log", "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            try:
                wait_for(port, process)
                yield port
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                kill_all([process.pid])
    finally:
        shutil.rmtree(top, ignore_errors=True)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None and time.monotonic() < deadline, "rspamd does not start"
        time.sleep(0.05)


def filter_text(port: int) -> str:
    """The program of the page that marks, with the line for rspamd in it."""
    (page,) = [text for title, text in sections().items() if title == MARKING]
    line = 'rspamc --mime > "$marked" || exit 71'
    assert f"`{line}`" in page and "`^X-Spam: yes`" in page
    return recipe(MARKING, "sh").replace('spamassassin -L -x > "$marked" || exit 71', asking(line, port))


def asking(text: str, port: int) -> str:
    """A recipe that asks our rspamd."""
    assert "rspamc" in text
    return text.replace("rspamc", f"rspamc -h 127.0.0.1:{port}")


@contextlib.contextmanager
def filtered(port: int) -> Iterator[Office]:
    """A server whose clients' mail goes through the filter."""

    def prepare(made: Town) -> None:
        path = script(made, "filter-queue", filter_text(port))
        os.mkdir(f"{made.top}/scratch")
        os.chmod(f"{made.top}/scratch", 0o1777)
        made.write("control/tcprules", f':allow,QMAILQUEUE="{path}",TMPDIR="{made.top}/scratch"\n')

    with town("joe", prepare=prepare) as made, running(Office(made)) as office:
        yield office


def send(office: Office, body: str) -> int:
    """The answer to a message."""
    with smtplib.SMTP("127.0.0.1", office.smtp_port, local_hostname="c.example", timeout=60) as client:
        client.mail("s@far.example")
        client.rcpt(f"joe@{HOST}")
        return client.data(f"{HEADER}{body}\r\n")[0]


def test_rspamd_marks_what_comes_in(rspamd: int) -> None:
    with filtered(rspamd) as office:
        for body in ("How are you?\r\n.\r\nFrom here", GTUBE):
            assert send(office, body) == 250
            (message,) = office.wait_for_messages("joe", 1)
            assert (b"\nX-Spam: yes\n" in message) is (body == GTUBE)
            assert message.replace(b"\r", b"").endswith(b"\n\n%s\n" % body.replace("\r", "").encode())
            assert message.count(b"\nX-Spam-Action: ") == 1
            office.town.forget("joe")


def test_without_rspamd_mail_is_asked_to_come_again() -> None:
    with filtered(free_port()) as office:
        assert send(office, "good") == 451


def test_rspamd_sorts_in_a_qmail_file(rspamd: int) -> None:
    with town("joe") as made, running(Office(made)) as office:
        made.file("joe", ".qmail", asking(recipe(SORTING, "qmail"), rspamd))
        made.folder("joe", "junk", 0o700)
        for part in ("tmp", "new", "cur"):
            made.folder("joe", f"junk/{part}", 0o700)
        made.file("joe", ".qmail-junk", "./junk/\n")
        texts = {body: f"{HEADER}{body}\n".replace("\r", "").encode() for body in ("How are you?", GTUBE)}
        since = office.mark()
        assert "success" in office.deliver(f"joe@{HOST}", message=texts["How are you?"])
        assert len(office.wait_for_messages("joe", 1)) == 1
        office.deliver(f"joe@{HOST}", message=texts[GTUBE])
        assert "success" in office.report(f"joe-junk@{HOST}", since)
        assert len(made.messages("joe")) == 1 and len(os.listdir(f"{made.directory('joe')}/junk/new")) == 1
        made.file("joe", ".qmail", asking(recipe(SORTING, "qmail"), free_port()))
        assert "deferral" in office.deliver(f"joe@{HOST}", message=texts["How are you?"])

"""Programs that read or fetch mail while more of it comes in: fetchmail, getmail, mpop, mutt, Dovecot, Courier.

The settings are those of docs/howto/neighbours.md, with other ports and directories.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.daemon import running
from tests.support.neighbours import SHELL, needs, recipe, sections
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
FETCHING = "Fetch mail by POP3"
DOVECOT = "/usr/lib/dovecot/imap"
COURIER = "/usr/bin/imapd"
READING = "Read a maildir with Dovecot"
COUNT = 40


def prepare(made: Town) -> None:
    """joe can log in."""
    ended = made.attempt("qmtwist", "passwd", "--home", made.path, "joe", text="SECRET\n" * 2)
    assert ended.returncode == 0, ended


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def nothing_yet(office: Office) -> None:
    for user in office.town.users:
        office.town.forget(user)


@contextlib.contextmanager
def mail_coming_in(office: Office, count: int = COUNT) -> Iterator[threading.Thread]:
    """Messages with the subjects 0 to `count - 1` for joe, while the block runs."""

    def send() -> None:
        with office.smtp() as client:
            for number in range(count):
                client.sendmail("s@far.example", [f"joe@{H}"], f"Subject: {number}\r\n\r\nbody\r\n.\r\nFrom x\r\n")

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield sender
    finally:
        sender.join()


def subjects(texts: list[bytes]) -> list[int]:
    """What came, by number."""
    return sorted(int(found[1]) for text in texts if (found := re.search(rb"^Subject: (\d+)\r?$", text, re.M)))


def files(directory: str) -> list[bytes]:
    return [path.read_bytes() for part in ("new", "cur") for path in Path(directory, part).iterdir()]


def fetch_until_all_came(office: Office, fetch: Callable[[], None], fetched: Callable[[], list[bytes]]) -> None:
    """Run a fetcher again and again while mail comes in: it gets every message once, and the mailbox is empty."""
    with mail_coming_in(office) as sender:
        while sender.is_alive():
            fetch()
    wait_until(lambda: fetch() or len(fetched()) >= COUNT, lambda: office.log[-30:])
    assert subjects(fetched()) == list(range(COUNT))
    assert office.town.messages("joe") == []
    assert all(
        b"\n\nbody\n.\nFrom x\n" in text.replace(b"\r\n", b"\n").replace(b">From", b"From") for text in fetched()
    )


def run(office: Office, *words: str, good: tuple[int, ...] = (0,)) -> None:
    """Run a fetcher as joe, in his home."""
    home = office.town.directory("joe")
    ended = office.town.attempt(*words, user="joe", more={"HOME": home, "USER": "joe", "LC_ALL": "C", "PATH": SHELL})
    assert ended.returncode in good, (words, ended.stdout, ended.stderr)


def box(office: Office, name: str) -> str:
    """A maildir of joe's to fetch into."""
    for part in ("", "/tmp", "/new", "/cur"):
        office.town.folder("joe", f"{name}{part}", 0o700)
    return f"{office.town.directory('joe')}/{name}"


@needs("fetchmail", "fetchmail")
def test_fetchmail_brings_everything_by_pop3_and_smtp(office: Office) -> None:
    """S242, S243: `fetchall`, and on to the local server, ours again."""
    text = recipe(FETCHING, "fetchmail").replace(f"mail.{H}", f"127.0.0.1 service {office.pop3_port}")
    text = text.replace("joe@here.example", f"ann@{H}").rstrip("\n") + f" smtphost 127.0.0.1/{office.smtp_port}\n"
    path = office.town.file("joe", ".fetchmailrc", text.replace(" here ", f" smtpname ann@{H} "), 0o600)
    command = ("/usr/bin/fetchmail", "--nosyslog", "-f", path, "--pidfile", f"{path}.pid")
    # 1 says that there was nothing to fetch
    fetch_until_all_came(office, lambda: run(office, *command, good=(0, 1)), lambda: office.town.messages("ann"))


@needs("getmail", "getmail6")
def test_getmail_brings_everything(office: Office) -> None:
    """S242, S244."""
    directory = box(office, "got")
    text = recipe(FETCHING, "getmail").replace("~/Maildir", directory)
    text = text.replace(f"mail.{H}", f"127.0.0.1\nport = {office.pop3_port}")
    path = office.town.file("joe", "getmailrc", text, 0o600)
    command = ("/usr/bin/getmail", "--getmaildir", office.town.directory("joe"), "--rcfile", path)
    fetch_until_all_came(office, lambda: run(office, *command), lambda: files(directory))


@needs("mpop", "mpop")
def test_mpop_brings_everything(office: Office) -> None:
    """S242."""
    directory = box(office, "popped")
    text = recipe(FETCHING, "mpop").replace("~/Maildir", directory)
    text = text.replace(f"mail.{H}", f"127.0.0.1\nport {office.pop3_port}")
    path = office.town.file("joe", ".mpoprc", text, 0o600)
    command = ("/usr/bin/mpop", "-q", "-C", path)
    fetch_until_all_came(office, lambda: run(office, *command), lambda: files(directory))


def at_a_terminal(office: Office, *words: str) -> None:
    """Run a full-screen program as joe, to its good end."""
    ours, its = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # it has ended
            while data := os.read(ours, 65536):
                shown.append(data)

    environment = {"HOME": office.town.directory("joe"), "USER": "joe", "TERM": "vt100", "LC_ALL": "C", "PATH": SHELL}
    process = subprocess.Popen(
        words, stdin=its, stdout=its, stderr=its, cwd="/", env=environment, preexec_fn=office.town.before_exec("joe")
    )
    os.close(its)
    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert process.wait(60) == 0, b"".join(shown)
    finally:
        process.kill()
        process.wait()
        reader.join()
        os.close(ours)


@needs("mutt", "mutt")
def test_mutt_reads_and_deletes_by_pop3(office: Office) -> None:
    """S242: `mutt -f pop://...`, as the page says; keys are pressed by `push`."""
    assert "`mutt -f pop://joe@mail." in sections()[FETCHING]
    for number in range(3):
        office.deliver(f"joe@{H}", message=b"Subject: %d\n\nbody\n.\nFrom x\n" % number)
    office.wait_for_messages("joe", 3)
    home = office.town.directory("joe")
    keys = f"<delete-pattern>~s 1<enter><first-entry><pipe-message>cat >{home}/shown<enter>"
    settings = [
        re.findall(r"and `(set ssl_.*?)`", sections()[FETCHING])[0],
        "set pop_delete=yes",
        "set wait_key=no",
        "set pop_authenticators=user",
        "set pipe_decode=no",
    ]
    settings += [
        f"set shell=/bin/sh folder={home} record='' sort=subject",
        f'push "{keys}<sync-mailbox><quit>"',
        "set delete=yes quit=yes",
    ]
    options = [word for setting in settings for word in ("-e", setting)]
    at_a_terminal(
        office, "/usr/bin/mutt", "-n", "-F", "/dev/null", *options,
        "-f", f"pop://joe:SECRET@127.0.0.1:{office.pop3_port}/",
    )  # fmt: skip
    assert subjects(office.town.messages("joe")) == [0, 2]
    assert "Subject: 0\n" in office.town.read("joe", "shown") and office.town.read("joe", "shown").endswith(
        "\nFrom x\n"
    )


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(path, marks=pytest.mark.skipif(not os.access(path, os.X_OK), reason=f"Debian has it in {package}"))
        for path, package in ((DOVECOT, "dovecot-imapd"), (COURIER, "courier-imap"))
    ],
)
def test_a_server_reads_a_maildir_that_is_being_filled(office: Office, server: str) -> None:
    """S241: no message is missed, shown twice or changed; marks and deletions meet no trouble either."""
    made = office.town
    joe = made.directory("joe")
    (page,) = [text for title, text in sections().items() if title.startswith(READING)]
    location = re.findall(r"`mail_location = (.*?)`", page)[0].replace("~", joe)
    assert "`MAILDIRPATH=Maildir`" in page
    made.file("joe", "dovecot.conf", f"mail_location = {location}\nlog_path = /dev/stderr\nssl = no\n")
    seen: dict[int, int] = {}
    with mail_coming_in(office) as sender:
        while sender.is_alive():
            look(made, seen, server)
    office.wait_for_messages("joe", COUNT - COUNT // 10)
    wait_until(lambda: look(made, seen, server) or len(seen) == COUNT, lambda: seen)
    assert sorted(seen.values()) == list(range(COUNT))
    assert os.listdir(f"{made.maildir('joe')}/tmp") == [] and os.listdir(f"{made.maildir('joe')}/new") == []
    assert subjects(made.messages("joe")) == [number for number in range(COUNT) if number % 10]


def look(made: Town, seen: dict[int, int], server: str) -> None:
    """One IMAP session: note the subjects by UID, mark everything, expunge what ends in 0."""
    commands = ["SELECT INBOX", "UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])", "STORE 1:* +FLAGS (\\Seen)"]
    found = []
    with imap(made, server) as ask:
        ask(commands[0])
        answer = ask(commands[1])
        for uid, subject in re.findall(r"UID (\d+) BODY.*?\r\nSubject: (\d+)\r\n", answer):
            assert seen.setdefault(int(uid), int(subject)) == int(subject)
            found += [uid] if int(subject) % 10 == 0 else []
        if "EXISTS" in answer or seen:
            ask(commands[2])
        if found:
            ask(f"UID STORE {','.join(found)} +FLAGS (\\Deleted)")
            ask("EXPUNGE")


@contextlib.contextmanager
def imap(made: Town, server: str) -> Iterator[Callable[[str], str]]:
    """A server for joe, who has logged in; a command returns its answer, which must be OK."""
    joe = made.directory("joe")
    # Courier is started in the user's home, which is a place in the name space that is entered only then.
    elsewhere = ["/bin/sh", "-c", f"cd {joe} && exec {server} Maildir"]
    command = [server, "-c", f"{joe}/dovecot.conf"] if server == DOVECOT else elsewhere
    # what Courier's program for logging in leaves in the environment
    login = {"AUTHENTICATED": "joe", "AUTHADDR": "joe", "IMAPLOGINTAG": "*", "TCPREMOTEIP": "::1", "TCPREMOTEPORT": "1"}
    more = {"IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS", "IMAP_USELOCKS": "1", "IMAP_UMASK": "022", **login}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
        env={"USER": "joe", "HOME": joe, "PATH": SHELL, **more}, preexec_fn=made.before_exec("joe"),
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None

    def ask(command: str) -> str:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"a {command}\r\n".encode())
        process.stdin.flush()
        answer = ""
        for line in process.stdout:
            answer += line.decode("latin-1")
            if line.startswith(b"a "):
                break
        is_empty = "1:*" in command and answer.startswith(("a BAD", "a NO"))  # there is no message yet
        assert "\na OK " in f"\n{answer}" or is_empty, (command, answer)
        return answer

    with process:
        try:
            assert process.stdout.readline().startswith((b"* PREAUTH ", b"* OK LOGIN "))
            yield ask
            ask("LOGOUT")
        finally:
            process.kill()

"""Everyday mail programs against a running server: what they send arrives, and what arrived they can read."""

from __future__ import annotations

import email
import os
import poplib
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon, Home, running

pytestmark = pytest.mark.system

PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/usr/local/sbin"


@pytest.fixture(scope="module")
def server() -> Iterator[Daemon]:
    """One server for all the programs; each test has a recipient of its own."""
    directory = tempfile.mkdtemp(prefix="qmtwist-test-", dir="/tmp")
    os.chmod(directory, 0o755)
    home = Home(directory, ("swaks", "curl", "library", "pop", "source", "fetch", "mpop"))
    home.make()
    try:
        with running(Daemon(home)) as daemon:
            yield daemon
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def program(name: str) -> str:
    """The path of a mail program, or a skipped test."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str, text: str = "", folder: str | None = None) -> str:
    """Run a program to its good end; what it printed."""
    environment = {"PATH": PATH, "HOME": folder or "/nonexistent", "LC_ALL": "C"}
    ended = subprocess.run(
        command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=60
    )
    assert ended.returncode == 0, f"{command[0]} ended with {ended.returncode}:\n{ended.stdout}"
    return ended.stdout


def test_swaks_sends_a_message(server: Daemon) -> None:
    options = (
        "--server",
        f"127.0.0.1:{server.smtp_port}",
        "--from",
        "a@far.example",
        "--to",
        server.home.address("swaks"),
    )
    printed = run(program("swaks"), *options, "--header", "Subject: by swaks", "--body", "one\n.\n..two")
    assert "<~  250" in printed or "<-  250" in printed
    (message,) = server.wait_for_messages("swaks", 1)
    assert b"\nSubject: by swaks\n" in message
    assert b"\none\n.\n..two\n" in message


def test_curl_sends_and_reads(server: Daemon) -> None:
    curl = program("curl")
    address = server.home.address("curl")
    letter = f"From: a@far.example\nTo: {address}\nSubject: by curl\n\nhello\n"
    options = (
        "--silent",
        "--show-error",
        "--mail-from",
        "a@far.example",
        "--mail-rcpt",
        address,
        "--crlf",
        "--upload-file",
        "-",
    )
    run(curl, f"smtp://127.0.0.1:{server.smtp_port}", *options, text=letter)
    server.wait_for_messages("curl", 1)
    login = ("--silent", "--show-error", "--user", f"curl:{server.home.password('curl')}")
    assert run(curl, *login, f"pop3://127.0.0.1:{server.pop3_port}/").split()[0] == "1"
    read = run(curl, *login, f"pop3://127.0.0.1:{server.pop3_port}/1")
    assert "Subject: by curl" in read
    assert read.replace("\r\n", "\n").endswith("\n\nhello\n")


def test_curl_with_a_wrong_password_reads_nothing(server: Daemon) -> None:
    command = [program("curl"), "--silent", "--user", "curl:wrong", f"pop3://127.0.0.1:{server.pop3_port}/1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 67  # curl's "login denied"
    assert ended.stdout == ""


def test_smtplib_sends_to_two_and_is_told_about_a_third(server: Daemon) -> None:
    good = [server.home.address("library"), server.home.address("library").upper()]
    bad = server.home.address("nobody-of-that-name")
    with smtplib.SMTP("127.0.0.1", server.smtp_port, local_hostname="localhost", timeout=30) as client:
        refused = client.sendmail("a@far.example", [*good, bad], "Subject: by smtplib\r\n\r\nhello\r\n")
    assert list(refused) == [bad]
    assert refused[bad][0] == 550
    messages = server.wait_for_messages("library", 2)
    assert all(email.message_from_bytes(text)["Subject"] == "by smtplib" for text in messages)


def test_poplib_reads_lists_and_deletes(server: Daemon) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp_port, local_hostname="localhost", timeout=30) as client:
        for number in range(3):
            body = f"Subject: {number}\r\n\r\n.dot\r\nend\r\n"
            client.sendmail("a@far.example", [server.home.address("pop")], body)
    server.wait_for_messages("pop", 3)
    reader = poplib.POP3("127.0.0.1", server.pop3_port, timeout=30)
    reader.user("pop")
    reader.pass_(server.home.password("pop"))
    count, size = reader.stat()
    assert count == 3
    assert sum(int(line.split()[1]) for line in reader.list()[1]) == size
    assert len({line.split()[1] for line in reader.uidl()[1]}) == 3
    assert reader.retr(1)[1][-2:] == [b".dot", b"end"]
    assert reader.top(1, 1)[1][-1] == b".dot"
    reader.dele(2)
    reader.quit()
    assert len(server.home.messages("pop")) == 2


def test_fetchmail_fetches_everything(server: Daemon, tmp_path: os.PathLike[str]) -> None:
    fetchmail = program("fetchmail")
    with smtplib.SMTP("127.0.0.1", server.smtp_port, local_hostname="localhost", timeout=30) as client:
        client.sendmail("a@far.example", [server.home.address("fetch")], "Subject: to fetch\r\n\r\nhello\r\n")
    server.wait_for_messages("fetch", 1)
    folder = os.fspath(tmp_path)
    configuration = os.path.join(folder, "fetchmailrc")
    with open(configuration, "w", encoding="ascii") as stream:
        stream.write(f"poll 127.0.0.1 service {server.pop3_port} protocol pop3\n")
        stream.write(f"  user fetch password {server.home.password('fetch')} sslproto ''\n")
        stream.write(f'  mda "cat > {folder}/fetched"\n')
    os.chmod(configuration, 0o600)
    run(fetchmail, "--nosyslog", "--fetchmailrc", configuration, "--pidfile", f"{folder}/pid", folder=folder)
    with open(f"{folder}/fetched", encoding="ascii") as stream:
        assert "Subject: to fetch" in stream.read()
    assert server.home.messages("fetch") == []


def test_mpop_fetches_everything(server: Daemon, tmp_path: os.PathLike[str]) -> None:
    mpop = program("mpop")
    with smtplib.SMTP("127.0.0.1", server.smtp_port, local_hostname="localhost", timeout=30) as client:
        for number in range(20):
            client.sendmail("a@far.example", [server.home.address("mpop")], f"Subject: {number}\r\n\r\nhello\r\n")
    server.wait_for_messages("mpop", 20)
    folder = os.fspath(tmp_path)
    for name in ("", "/tmp", "/new", "/cur"):
        os.mkdir(f"{folder}/Maildir{name}")
    options = [
        "--host=127.0.0.1",
        f"--port={server.pop3_port}",
        "--user=mpop",
        "--auth=user",
        "--tls=off",
        "--keep=off",
    ]
    options += [f"--passwordeval=echo {server.home.password('mpop')}", f"--delivery=maildir,{folder}/Maildir"]
    options += [f"--uidls-file={folder}/uidls", "--pipelining=on", "--only-new=off"]
    run(mpop, *options, folder=folder)
    fetched = [f"{folder}/Maildir/new/{name}" for name in os.listdir(f"{folder}/Maildir/new")]
    subjects = set()
    for path in fetched:
        with open(path, "rb") as stream:
            subjects.add(email.message_from_binary_file(stream)["Subject"])
    assert subjects == {str(number) for number in range(20)}
    assert server.home.messages("mpop") == []


def test_smtp_source_sends_over_many_connections(server: Daemon) -> None:
    options = ("-s", "10", "-m", "200", "-l", "4096", "-f", "a@far.example", "-t", server.home.address("source"))
    run(program("smtp-source"), *options, f"inet:127.0.0.1:{server.smtp_port}")
    assert len(server.wait_for_messages("source", 200)) == 200

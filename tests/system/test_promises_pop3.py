"""POP3 and mailbox readers as the documents promise them."""

from __future__ import annotations

import hashlib
import os
import poplib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"

# A checkpassword program as its interface describes it: name, password and timestamp on descriptor 3.
CHECKPASSWORD = """#!{python} -E
import hashlib, os, sys
data = os.read(3, 513)
os.close(3)
name, password, stamp = data.split(b"\\0")[:3]
if name == b"later":
    sys.exit(111)
known = {{{known}}}
account = known.get(name)
if account is None:
    sys.exit(1)
uid, gid, home, secret = account
if password not in (secret, hashlib.md5(stamp + secret).hexdigest().encode()):
    sys.exit(1)
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
os.chdir(home)
os.environ.update(USER=name.decode(), HOME=home, SHELL="/bin/sh")
os.execvp(sys.argv[1], sys.argv[1:])
"""


def prepare(made: Town) -> None:
    """A foreign checkpassword program for the daemon and for qmail-popup."""
    known = ", ".join(
        f"{user.encode()!r}: ({made.owner(user)[0]}, {made.owner(user)[1]}, {made.directory(user)!r}, b'{user}-secret')"
        for user in made.users
    )
    with open(f"{made.path}/foreign", "w", encoding="ascii") as stream:
        stream.write(CHECKPASSWORD.format(python=sys.executable, known=known))
    os.chmod(f"{made.path}/foreign", 0o755)
    made.write("control/checkpassword", f"{made.path}/foreign\n")
    shutil.rmtree(made.maildir("none"))


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "none", "fetch", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


def login(office: Office, user: str) -> poplib.POP3:
    """A session after the password."""
    client = poplib.POP3("127.0.0.1", office.pop3_port, timeout=30)
    client.user(user)
    client.pass_(f"{user}-secret")
    return client


def test_any_checkpassword_program_runs_unchanged(office: Office) -> None:
    """S233, S234, S235, S237, S238: a session, a stable UIDL, deletion at QUIT only, new/ to cur/."""
    for number in range(3):
        office.deliver(f"joe@{H}", message=b"Subject: %d\n\nbody\n.dot\n" % number)
    client = login(office, "joe")
    assert client.stat()[0] == 3 and len(client.list()[1]) == 3
    first = client.uidl()[1]
    assert client.retr(1)[1][-1] == b".dot" and client.top(1, 1)[1][-1] == b"body"
    client.dele(2)
    client.rset()
    client.dele(3)
    assert client.noop().startswith(b"+OK") and client._shortcmd("LAST").startswith(b"+OK")
    client.close()  # no QUIT
    client = login(office, "joe")
    assert client.uidl()[1] == first
    client.dele(3)
    client.retr(1)
    client.quit()
    assert (
        len(os.listdir(f"{office.town.maildir('joe')}/new")) + len(os.listdir(f"{office.town.maildir('joe')}/cur")) == 2
    )
    assert all(name.endswith(":2,") for name in os.listdir(f"{office.town.maildir('joe')}/cur"))
    client = login(office, "joe")
    assert client.uidl()[1] == first[:2]
    client.quit()


def test_wrong_passwords_and_troubles_are_told_apart(office: Office) -> None:
    """S237: exit 1 is a wrong password, 111 is for later."""
    for user in ("joe", "later"):
        client = poplib.POP3("127.0.0.1", office.pop3_port, timeout=30)
        client.user(user)
        with pytest.raises(poplib.error_proto):
            client.pass_("wrong")
        client.close()


def test_apop_is_the_programs_business(office: Office) -> None:
    """S236."""
    client = poplib.POP3("127.0.0.1", office.pop3_port, timeout=30)
    stamp = client.getwelcome().split()[1]
    assert stamp.startswith(b"<") and stamp.endswith(b">")
    assert client.apop("ann", "ann-secret").startswith(b"+OK")
    client.quit()


def test_a_user_without_a_maildir_is_told(office: Office) -> None:
    """S239."""
    client = poplib.POP3("127.0.0.1", office.pop3_port, timeout=30)
    client.user("none")
    with pytest.raises(poplib.error_proto, match=re.escape("this user has no $HOME/Maildir")):
        client.pass_("none-secret")
    client.close()


def test_popup_checkpassword_pop3d(office: Office) -> None:
    """S232, S236, S237: the classic chain on descriptors 0 and 1."""
    office.deliver(f"ann@{H}", message=b"Subject: chain\n\nx\n")
    for name in os.listdir(f"{office.town.maildir('ann')}/new"):
        os.utime(f"{office.town.maildir('ann')}/new/{name}", (1, 1))  # this program shows no mail of the same second
    chain = ("qmail-popup", H, f"{office.town.path}/foreign", office.town.program("qmail-pop3d"), "Maildir")

    def talk(*lines: str) -> str:
        return office.town.attempt(*chain, text="".join(f"{line}\r\n" for line in lines)).stdout.decode()

    said = talk("USER ann", "PASS ann-secret", "STAT", "RETR 1", "QUIT")
    assert said.startswith("+OK <") and "Subject: chain" in said and said.count("+OK") == 6, said
    assert "-ERR" in talk("USER ann", "PASS no", "QUIT")
    assert "this user has no $HOME/Maildir" in talk("USER none", "PASS none-secret")
    program = office.town.program("qmail-popup")
    with subprocess.Popen(
        [program, *chain[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=office.town.before_exec()
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        stamp = process.stdout.readline().split()[1]
        digest = hashlib.md5(stamp + b"ann-secret").hexdigest()
        process.stdin.write(f"APOP ann {digest}\r\nQUIT\r\n".encode())
        process.stdin.close()
        assert process.stdout.read().startswith(b"+OK ")


def program(name: str) -> str:
    """The path of a mail program, or a skipped test."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/bin")
    return found or pytest.skip(f"{name} is not installed")


def test_fetchmail_fetches_and_injects_by_smtp(office: Office, tmp_path: os.PathLike[str]) -> None:
    """S242, S243: fetchall, and back in through our SMTP service."""
    fetchmail = program("fetchmail")
    for number in range(2):
        office.deliver(f"fetch@{H}", message=b"Subject: f%d\nTo: fetch@%b\n\nx\n" % (number, H.encode()))
    office.town.forget("ann")
    path = os.path.join(tmp_path, "rc")
    with open(path, "w", encoding="ascii") as stream:
        stream.write(
            f"poll 127.0.0.1 service {office.pop3_port} proto pop3 user fetch password fetch-secret fetchall"
            f" sslproto '' smtphost 127.0.0.1/{office.smtp_port} smtpname ann@{H} forcecr\n"
        )
    os.chmod(path, 0o600)
    environment = {"PATH": os.environ["PATH"], "HOME": os.fspath(tmp_path), "LC_ALL": "C"}
    command = [fetchmail, "--nosyslog", "-f", path, "--pidfile", os.path.join(tmp_path, "pid")]
    ended = subprocess.run(command, capture_output=True, env=environment, timeout=60)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    assert len(office.wait_for_messages("ann", 2)) == 2 and office.town.messages("fetch") == []


def test_mpop_fetches(office: Office, tmp_path: os.PathLike[str]) -> None:
    """S242: another fetcher, with pipelining and UIDL."""
    mpop = program("mpop")
    office.deliver(f"fetch@{H}", message=b"Subject: mpop\n\nx\n")
    for part in ("", "/tmp", "/new", "/cur"):
        os.makedirs(f"{tmp_path}/M{part}", exist_ok=True)
    command = [
        mpop,
        "--host=127.0.0.1",
        f"--port={office.pop3_port}",
        "--user=fetch",
        "--passwordeval=echo fetch-secret",
    ]
    command += ["--auth=user", "--tls=off", f"--delivery=maildir,{tmp_path}/M", f"--uidls-file={tmp_path}/uidls"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.fspath(tmp_path), "LC_ALL": "C"}
    ended = subprocess.run(command, capture_output=True, env=environment, timeout=60)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    assert len(os.listdir(f"{tmp_path}/M/new")) == 1


def test_another_readers_changes_are_seen(office: Office) -> None:
    """S238, S241: a message that a mail reader flagged is served and can be deleted under its new name."""
    office.town.forget("joe")
    office.deliver(f"joe@{H}")
    (name,) = os.listdir(f"{office.town.maildir('joe')}/new")
    client = login(office, "joe")
    os.rename(f"{office.town.maildir('joe')}/new/{name}", f"{office.town.maildir('joe')}/cur/{name}:2,S")
    assert client.retr(1)[0].startswith(b"+OK")
    client.dele(1)
    client.quit()
    assert office.town.messages("joe") == []


def test_python_reads_the_maildir_as_new_mail(office: Office) -> None:
    """S241, S245: what we deliver is unread to a maildir reader."""
    import mailbox

    office.town.forget("joe")
    office.deliver(f"joe@{H}", message=b"Subject: unread\n\nx\n")
    box = mailbox.Maildir(office.town.maildir("joe"), create=False)
    (message,) = list(box)
    assert message["Subject"] == "unread" and message.get_subdir() == "new" and "S" not in message.get_flags()

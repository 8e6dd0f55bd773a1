"""A mail server to try: two users, one message from SMTP to POP3, then yours to play with until Ctrl-C.

Everything is below ./demo-home and on loopback ports; nothing else on the machine is touched. ONCE=1 ends by itself,
with exit status 0 if the message arrived and the server stopped cleanly.
"""

from __future__ import annotations

import contextlib
import os
import poplib
import pwd
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from email.message import EmailMessage
from email.utils import make_msgid
from typing import IO, NamedTuple

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME = os.path.join(TOP, "demo-home")
QMTWIST = [sys.executable, "-m", "qmtwist.cli.main"]
TWISTD = os.path.join(os.path.dirname(sys.executable), "twistd")
HOST = "demo.example"
USERS = ("alice", "bob")
DELIVERY_LIMIT_S, START_LIMIT_S, STOP_LIMIT_S = 30, 30, 30


class Trouble(Exception):
    """The demo cannot go on; the text says why."""


class Owner(NamedTuple):
    """Whose the mailboxes are."""

    uid: int
    gid: int
    name: str


def say(text: str = "") -> None:
    """A line for the person who watches."""
    print(text, flush=True)


def owner() -> Owner:
    """The account that receives: ourselves, or for root an account without rights, since root gets no deliveries.

    :raises Trouble: root has nobody to deliver as.
    """
    if os.geteuid() != 0:
        return Owner(os.getuid(), os.getgid(), "you")
    for name in ("nobody", "games", "mail", "daemon"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Owner(entry.pw_uid, entry.pw_gid, name)
    raise Trouble("this machine has no account nobody, games, mail or daemon to own the mailboxes")


def run(words: list[str], text: str = "") -> None:
    """Run one of our commands.

    :raises Trouble: it failed.
    """
    ended = subprocess.run(words, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP)
    if ended.returncode != 0:
        raise Trouble(f"{' '.join(words)} ended with {ended.returncode}:\n{ended.stdout}")


def write(name: str, text: str) -> None:
    """Write a file of the home."""
    with open(os.path.join(HOME, name), "w", encoding="ascii") as stream:
        stream.write(text)


def free_port(preferred: int) -> int:
    """The preferred loopback port, or another one if it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found: int = probe.getsockname()[1]
                return found
    raise Trouble("no loopback port is free")


def make_home(person: Owner) -> None:
    """The home itself, and control/ for a demonstration."""
    if os.path.exists(HOME) and not os.access(HOME, os.W_OK):
        raise Trouble(f"{HOME} belongs to another account; remove it first (make clean, as that account)")
    run([*QMTWIST, "setup", "--home", HOME, "--host", HOST])
    write("control/defaultdelivery", "./Maildir/\n")
    give_queue_away(person)
    lines = []
    for user in USERS:
        home = os.path.join(HOME, "people", user)
        make_mailbox(home, person)
        lines.append(f"={user}:{user}:{person.uid}:{person.gid}:{home}:::")
        lines.append(f"+{user}-:{user}:{person.uid}:{person.gid}:{home}:-::")
    # Everybody else's mail goes by demo-home/alias, without an account of that name on the machine.
    alias = os.path.join(HOME, "alias")
    if os.geteuid() == 0:
        os.chown(alias, person.uid, person.gid)
    lines.append(f"+:alias:{person.uid}:{person.gid}:{alias}:-::")
    write("users/assign", "\n".join([*lines, ".\n"]))
    run([os.path.join(HOME, "bin/qmail-newu")])
    for user in USERS:
        run([*QMTWIST, "passwd", "--home", HOME, "--stdin", user], password(user) + "\n")


def give_queue_away(person: Owner) -> None:
    """Let the server have an account to become: qmailq, or on a machine without qmail's accounts the queue's owner."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(KeyError):
        pwd.getpwnam("qmailq")
        return
    for directory, _, names in os.walk(os.path.join(HOME, "queue")):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            os.chown(path, person.uid, person.gid)


def make_mailbox(home: str, person: Owner) -> None:
    """A user's home with an empty maildir."""
    for path in (home, *(os.path.join(home, "Maildir", name) for name in ("", "tmp", "new", "cur"))):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o700)
        if os.geteuid() == 0:
            os.chown(path, person.uid, person.gid)


def password(user: str) -> str:
    """Good enough for a loopback port."""
    return f"{user}-demo"


def start(smtp_port: int, pop3_port: int) -> subprocess.Popen[str]:
    """The server, as in production but for the ports."""
    command = [TWISTD, "-n", "--pidfile=", "qmtwist", "--home", HOME]
    for service, port in (("smtp", smtp_port), ("pop3", pop3_port)):
        command += ["--listen", f"{service}=tcp:{port}:interface=127.0.0.1"]
    say("   $ " + " ".join(os.path.relpath(word, TOP) if word.startswith(TOP) else word for word in command))
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=TOP,
        env=environment,
        start_new_session=True,  # Ctrl-C is for us; we stop the server in order
    )


def show(log: IO[str]) -> None:
    """Print the server's log as it comes, until the server ends."""
    for line in log:
        say("   | " + line.rstrip())


def wait_for(server: subprocess.Popen[str], port: int) -> None:
    """Wait until the server accepts connections.

    :raises Trouble: it ended, or took too long.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Trouble(f"the server ended with {server.returncode}; its log is above")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise Trouble(f"the server did not listen on port {port} within {START_LIMIT_S} seconds")


def send(port: int) -> str:
    """Send a message from alice to bob; its Message-ID."""
    message = EmailMessage()
    message["From"] = f"Alice <alice@{HOST}>"
    message["To"] = f"Bob <bob@{HOST}>"
    message["Subject"] = "The first letter"
    message["Message-ID"] = make_msgid(domain=HOST)
    message.set_content("Dear Bob,\n\nthis letter went through the post office of qmtwist.\n\nAlice\n")
    with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=30) as client:
        client.send_message(message)
    return str(message["Message-ID"])


def read_back(port: int, message_id: str) -> list[str]:
    """The message as bob's mail reader gets it.

    :raises Trouble: it did not arrive.
    """
    deadline = time.monotonic() + DELIVERY_LIMIT_S
    while time.monotonic() < deadline:
        client = poplib.POP3("127.0.0.1", port, timeout=30)
        client.user("bob")
        client.pass_(password("bob"))
        for number in range(client.stat()[0], 0, -1):
            lines = [line.decode("utf-8", "replace") for line in client.retr(number)[1]]
            if any(message_id in line for line in lines):
                client.quit()
                return lines
        client.quit()
        time.sleep(0.2)
    raise Trouble(f"the message did not reach bob's mailbox within {DELIVERY_LIMIT_S} seconds")


def explain(smtp_port: int, pop3_port: int) -> None:
    """What one can do now."""
    say(f"""
It runs. Try it from another terminal:

   swaks --server 127.0.0.1:{smtp_port} --from alice@{HOST} --to bob@{HOST}
   curl smtp://127.0.0.1:{smtp_port} --mail-from alice@{HOST} --mail-rcpt bob@{HOST} --crlf --upload-file README.md
   curl --user bob:{password("bob")} pop3://127.0.0.1:{pop3_port}/
   curl --user bob:{password("bob")} pop3://127.0.0.1:{pop3_port}/1
   {HOME}/bin/qmail-qstat
   ls {HOME}/control {HOME}/people/bob/Maildir/new

Users: alice (password {password("alice")}) and bob ({password("bob")}). The log appears here. Ctrl-C ends it.
""")


def demonstrate(server: subprocess.Popen[str], smtp_port: int, pop3_port: int) -> None:
    """From alice to bob, and on until Ctrl-C."""
    for port in (smtp_port, pop3_port):
        wait_for(server, port)
    say(f"\n4. Alice writes to Bob (SMTP, port {smtp_port})")
    message_id = send(smtp_port)
    lines = read_back(pop3_port, message_id)
    say(f"\n5. Bob reads his mail (POP3, port {pop3_port})")
    for line in lines:
        say("   > " + line)
    if os.environ.get("ONCE"):
        return
    explain(smtp_port, pop3_port)
    server.wait()
    raise Trouble(f"the server ended with {server.returncode}")


def stop(server: subprocess.Popen[str]) -> None:
    """Stop it as its supervisor would.

    :raises Trouble: it did not end with 0.
    """
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    try:
        status = server.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        raise Trouble(f"the server did not stop within {STOP_LIMIT_S} seconds") from None
    if status != 0:
        raise Trouble(f"the server ended with {status}")


def main() -> int:
    """The whole demonstration; its exit status."""
    person = owner()
    say("qmtwist: a mail server to try\n")
    say(f"1. A mail home: {os.path.relpath(HOME, os.getcwd())} (control/, queue/, users/, bin/ as in qmail)")
    say(f"2. Two mailboxes, alice@{HOST} and bob@{HOST}; their files belong to {person.name}")
    make_home(person)
    smtp_port, pop3_port = free_port(2525), free_port(2110)
    say(f"3. The server, with SMTP on 127.0.0.1:{smtp_port} and POP3 on 127.0.0.1:{pop3_port}")
    server = start(smtp_port, pop3_port)
    assert server.stdout is not None
    reader = threading.Thread(target=show, args=(server.stdout,), daemon=True)
    reader.start()
    try:
        demonstrate(server, smtp_port, pop3_port)
    except KeyboardInterrupt:
        say()
    except BaseException:
        server.kill()
        reader.join(5)
        raise
    say("\n6. The server stops")
    stop(server)
    reader.join(5)
    say("\nqmtwist: the message was sent, delivered and read, and the server stopped cleanly.")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(f"\nqmtwist demo: {trouble}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

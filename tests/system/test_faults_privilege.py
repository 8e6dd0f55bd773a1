"""Who is who on a machine with qmail's accounts: nobody who reads the network is root, and users get what is theirs."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import time
from collections.abc import Callable

import pytest

from tests.support.apart import play_apart
from tests.support.daemon import Daemon, Home, running
from tests.support.ownaccounts import ALICE, BOB, make
from tests.support.processes import tree

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]
LIMIT_S = 60.0
SECRET_WORDS = "bobs-diary"


def instruct(home: Home, user: str, text: str, uid: int, extension: str = "") -> None:
    path = f"{home.directory(user)}/.qmail{extension}"
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text)
    os.chown(path, uid, uid)
    os.chmod(path, 0o600)


def send(daemon: Daemon, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        client.sendmail("ann@sender.example", [f"{to}@{daemon.home.host}"], b"Subject: x\r\n\r\nhello\r\n")


def wait_for(condition: Callable[[], bool], daemon: Daemon) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "\n".join(daemon.log[-30:])
        time.sleep(0.02)


def status(pid: int) -> dict[str, list[str]]:
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as stream:
        return {name: rest.split() for name, _, rest in (line.partition(":") for line in stream)}


def read(path: str) -> str:
    with open(path, encoding="latin-1") as stream:
        return stream.read()


def test_nobody_who_reads_the_network_or_mail_is_root_and_users_have_no_foreign_groups(open_directory: str) -> None:
    play_apart(play_nobody_who_reads_the_network_or_mail_is_root_and_users_have_no_foreign_groups, open_directory)


def play_nobody_who_reads_the_network_or_mail_is_root_and_users_have_no_foreign_groups(directory: str) -> None:
    home = make(directory)
    with running(Daemon(home)) as daemon:
        for user in ("alice", "bob"):
            send(daemon, user)
            daemon.wait_for_messages(user, 1)
        found = {pid: status(pid) for pid in tree(daemon.pid)}
        uids = {pid: set(said["Uid"]) for pid, said in found.items()}
        assert uids.pop(daemon.pid) == {"1005"}  # qmailq
        roots = [pid for pid, ids in uids.items() if "0" in ids]
        assert len(roots) == 1  # the local agent, which touches no mail
        assert sum(ids == {"1006"} for ids in uids.values()) == 1  # qmailr
        for uid in (ALICE, BOB):
            (worker,) = [pid for pid, ids in uids.items() if ids == {str(uid)}]
            said = found[worker]
            assert set(said["Gid"]) == {str(uid)} and said["Groups"] == [str(uid)]
            assert set(said["CapEff"]) == {"0" * 16} and set(said["CapPrm"]) == {"0" * 16}
        assert set(found[daemon.pid]["CapPrm"]) == {"0" * 16} and "0" not in found[daemon.pid]["Groups"]
        sockets = [os.readlink(f"/proc/{roots[0]}/fd/{name}") for name in os.listdir(f"/proc/{roots[0]}/fd")]
        inodes = {name[8:-1] for name in sockets if name.startswith("socket:[")}
        network = {line.split()[9] for line in read("/proc/net/tcp").splitlines()[1:]}
        assert not inodes & network


def test_a_users_program_has_three_descriptors_its_own_rights_and_a_short_environment(open_directory: str) -> None:
    play_apart(play_a_users_program_has_three_descriptors_its_own_rights_and_a_short_environment, open_directory)


def play_a_users_program_has_three_descriptors_its_own_rights_and_a_short_environment(directory: str) -> None:
    home = make(directory)
    out = home.directory("alice")
    lines = (
        f"|ls /proc/self/fd > {out}/fd; id > {out}/id; env > {out}/env; umask > {out}/umask; pwd > {out}/pwd",
        f"|grep -h . /proc/self/status > {out}/status; ulimit -c > {out}/core; touch {out}/done",
    )
    instruct(home, "alice", "\n".join(lines) + "\n", ALICE)
    os.environ["SECRET_OF_THE_SERVER"] = "x"
    with running(Daemon(home)) as daemon:
        send(daemon, "alice")
        wait_for(lambda: os.path.exists(f"{out}/done"), daemon)
    assert read(f"{out}/fd").split() in (["0", "1", "2", "3"], ["0", "1", "2"])  # 3: the directory that ls reads
    assert read(f"{out}/id").startswith(f"uid={ALICE}(alice) gid={ALICE}(alice) groups={ALICE}(alice)\n")
    names = {line.partition("=")[0] for line in read(f"{out}/env").splitlines()}
    assert not {"SECRET_OF_THE_SERVER", "PYTHONPATH"} & names and {"RECIPIENT", "SENDER", "HOME"} <= names
    assert read(f"{out}/umask").strip() == "0077" and read(f"{out}/pwd").strip() == out


def test_a_user_reads_nothing_of_others_by_links_in_the_own_home(open_directory: str) -> None:
    play_apart(play_a_user_reads_nothing_of_others_by_links_in_the_own_home, open_directory)


def play_a_user_reads_nothing_of_others_by_links_in_the_own_home(directory: str) -> None:
    home = make(directory)
    secret = f"{home.directory('bob')}/secret"
    with open(secret, "wb") as stream:
        stream.write(SECRET_WORDS.encode())
    os.chown(secret, BOB, BOB)
    os.chmod(secret, 0o600)
    for extension, target in (("-shadow", "/etc/shadow"), ("-bob", secret)):
        os.symlink(target, f"{home.directory('alice')}/.qmail{extension}")
    instruct(home, "alice", f"{home.maildir('bob')}/\n", ALICE, "-into")
    os.rename(home.maildir("alice"), f"{home.directory('alice')}/Old")
    os.symlink(home.maildir("bob"), home.maildir("alice"))
    with running(Daemon(home)) as daemon:
        names = ("alice-shadow", "alice-bob", "alice-into", "alice")
        for name in names:
            send(daemon, name)
        wait_for(lambda: sum(line.startswith("delivery ") for line in daemon.log) >= len(names), daemon)
        assert all(": deferral: " in line for line in daemon.log if line.startswith("delivery ")), daemon.log
        assert not [line for line in daemon.log if SECRET_WORDS in line or "root:" in line]
        assert home.messages("bob") == []
        send(daemon, "bob")
        daemon.wait_for_messages("bob", 1)


def test_a_remote_agent_that_was_killed_comes_back_as_qmailr(open_directory: str) -> None:
    play_apart(play_a_remote_agent_that_was_killed_comes_back_as_qmailr, open_directory)


def play_a_remote_agent_that_was_killed_comes_back_as_qmailr(directory: str) -> None:
    home = make(directory)
    home.write("control/smtproutes", ":127.0.0.1:1\n")
    instruct(home, "alice", "&alice@far.example\n", ALICE)

    def couriers() -> list[int]:
        found = []
        for pid in tree(daemon.pid):
            with contextlib.suppress(FileNotFoundError):  # it ends just now
                if set(status(pid)["Uid"]) == {"1006"}:
                    found.append(pid)
        return found

    def is_another_there() -> bool:
        return any(pid != first for pid in couriers())

    with running(Daemon(home)) as daemon:
        for _ in range(2):
            (first,) = couriers()
            os.kill(first, signal.SIGKILL)
            wait_for(is_another_there, daemon)
            wait_for(lambda: len(couriers()) == 1, daemon)
        assert "0" not in status(couriers()[0])["Gid"] and set(status(couriers()[0])["CapEff"]) == {"0" * 16}
        since = len(daemon.log)
        send(daemon, "alice")
        wait_for(lambda: any("wasn't_able_to_establish" in line for line in daemon.log[since:]), daemon)
        last = couriers()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in last)  # it ends with the server

"""qmtwist setup --system and --remove on a machine of one's own, whose every changed file is compared afterwards.

The mail server that is replaced is Debian's Postfix where it is installed, else a sendmail of the test's own.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator

import pytest

from tests.support.ownmachine import PYTHON, TOP, Machine
from tests.support.remote import wait_until
from tests.support.setupbox import HOME, PLACES, H, bare, changes, need_mta, setup

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.slow]


@pytest.fixture
def box() -> Iterator[Machine]:
    with bare() as made:
        yield made


def test_another_mail_server_is_not_touched_unasked(box: Machine) -> None:
    need_mta(box)
    before = changes(box)
    ended = box.qmtwist("setup", "--system", "--host", H)
    assert ended.returncode == 1
    assert "/usr/sbin/sendmail is there and is not ours" in ended.stdout and "--replace-mta" in ended.stdout
    box.shell("rm -f /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/mailq /usr/bin/newaliases")
    box.shell("dpkg --purge --force-all postfix >/dev/null 2>&1 || true")
    with box.start(PYTHON, "-c", "import socket, time; s = socket.create_server(('', 25)); time.sleep(60)") as listener:
        try:
            wait_until(lambda: ":25 " in box.run("ss", "-ltn"))
            ended = box.qmtwist("setup", "--system", "--host", H)
            assert ended.returncode == 1 and "listens on port 25" in ended.stdout
            ended = box.qmtwist("setup", "--system", "--replace-mta", "--host", H)
            assert ended.returncode == 1 and "stop it first: " in ended.stdout
        finally:
            listener.kill()
    assert {path for path in changes(box) if path.startswith(HOME)} <= before.keys()
    assert "alias:" not in box.run("cat", "/etc/passwd")


def test_all_that_was_done_is_taken_back(box: Machine) -> None:
    """On either family: accounts, home, links; Postfix is stopped and runs again."""
    need_mta(box)
    has_postfix = not box.attempt("test", "-x", "/etc/init.d/postfix").returncode
    if has_postfix:
        box.shell("postconf -e inet_interfaces=loopback-only inet_protocols=ipv4; /etc/init.d/postfix start")
    before = changes(box)
    for family in ("debian", "fedora"):
        box.shell(f"echo ID={family} >/etc/os-release.new; mv -T /etc/os-release.new /etc/os-release")
        rehearsed = setup(box, "--system", "--replace-mta", "--host", H, "--dry-run")
        assert changes(box).keys() - before.keys() <= {"/etc/os-release"}
        said = setup(box, "--system", "--replace-mta", "--host", H)
        assert [line for line in rehearsed.splitlines() if line not in said] == [f"qmtwist setup --host {H}"]
        assert ("useradd " in said, "adduser " in said) == (family == "fedora", family == "debian")
        for place in PLACES:
            assert box.run("readlink", place).strip() == f"{HOME}/bin/{os.path.basename(place)}"
        assert box.run("ls", "-l", "/usr/sbin/sendmail.old").startswith("---------- ")
        assert ":25 " not in box.run("ss", "-ltn")
        assert f"cp {HOME}/boot/init /etc/init.d/qmtwist" in said
        again = setup(box, "--system")
        assert "was there" in again and ", made" not in again and "ln " not in again
        assert box.qmtwist("check").stdout == ""
        assert box.qmtwist("setup", "--remove", "--dry-run").returncode == 0
        assert box.run("readlink", PLACES[0]).strip() == f"{HOME}/bin/sendmail"
        setup(box, "--remove")
        assert changes(box).keys() - before.keys() <= {"/etc/os-release"}
        if has_postfix:
            wait_until(lambda: ":25 " in box.run("ss", "-ltn"))
    if has_postfix:
        box.shell("/etc/init.d/postfix stop")


def test_the_commands_of_a_rehearsal_do_the_same(box: Machine) -> None:
    need_mta(box)
    lines = setup(box, "--system", "--replace-mta", "--host", H, "--dry-run").splitlines()
    words = f"{PYTHON} -m qmtwist.cli.main"
    box.shell("\n".join(line.replace("qmtwist ", f"{words} ", 1) for line in lines))
    by_hand = changes(box)
    with bare() as other:
        need_mta(other)
        setup(other, "--system", "--replace-mta", "--host", H)
        by_setup = changes(other)
    record = f"{HOME}/setup.record"
    assert {path for path in by_setup if path not in by_hand} == {record}
    differing = {path for path in by_hand if by_hand[path] != by_setup.get(path) and f"{HOME}/doc/" not in path}
    assert differing <= {"/etc/shadow", f"{HOME}/queue/lock/tcpto"} and len(by_hand) > 300


DIE = """
import os, sys
from qmtwist.cli import main
from qmtwist.cli.control import machine, steps
left, run = [int(sys.argv[1])], machine.run
class Dying(steps.Steps):
    def do(self, *words):
        left[0] -= 1
        if left[0] < 0 and sys.argv[2] == "before": os._exit(9)
        super().do(*words)
        if left[0] < 0: os._exit(9)
from qmtwist.cli.control import system, removal
system.Steps = removal.Steps = Dying
sys.exit(main.main([word.encode() for word in sys.argv[3:]], "/var/qmail"))
"""


def cut(box: Machine, number: int, when: str, *words: str) -> bool:
    """A run that dies before or after its step of this number; False: it has no such step."""
    return box.attempt(PYTHON, "-c", DIE, str(number), when, *words).returncode == 9


SOME = (3, 8, 12, 14, 17)
STEPS = [number if number in SOME else pytest.param(number, marks=pytest.mark.long) for number in range(1, 31)]


@pytest.mark.parametrize("number", STEPS)
def test_a_run_that_is_cut_can_be_taken_back_or_completed(box: Machine, number: int) -> None:
    """Before its step of this number, or after it."""
    need_mta(box)
    before = changes(box)
    words = ("setup", "--system", "--replace-mta", "--host", H)
    if cut(box, number, "before", *words):
        setup(box, "--remove")
        assert changes(box) == before
    else:
        assert number not in SOME and box.qmtwist("check").stdout == ""
    if cut(box, number, "after", *words):
        setup(box, "--system", "--replace-mta", "--host", H)
        assert box.qmtwist("check").stdout == ""
    if not cut(box, number, ("before", "after")[number % 2], "setup", "--remove"):
        assert number not in SOME
        return
    if not box.attempt("test", "-e", HOME).returncode:
        setup(box, "--remove")
    assert changes(box) == before


def test_a_command_that_fails_ends_the_run_with_its_words(box: Machine) -> None:
    need_mta(box)
    before = changes(box)
    box.shell("mkdir /etc/gshadow.lock; touch /etc/passwd.lock /etc/group.lock")
    box.shell("for name in adduser addgroup; do mv /usr/sbin/$name /usr/sbin/$name.away; done")
    box.shell("printf '#!/bin/sh\\necho no place for users; exit 9\\n' >/usr/sbin/useradd")
    box.shell("rm -r /etc/*.lock")
    ended = box.qmtwist("setup", "--system", "--replace-mta", "--host", H)
    assert ended.returncode == 111
    assert "exit status 9: no place for users" in ended.stdout and "run this again" in ended.stdout
    assert box.attempt("test", "-L", PLACES[0]).returncode == 1
    box.qmtwist("setup", "--remove")
    left = changes(box).keys() - before.keys() - {"/usr/sbin/useradd"}
    assert left == {f"/usr/sbin/{name}{away}" for name in ("adduser", "addgroup") for away in ("", ".away")}


def test_accounts_that_were_there_stay_and_strangers_are_not_removed(box: Machine) -> None:
    need_mta(box)
    box.shell("groupadd nofiles; useradd -M -g nofiles -d /elsewhere -s /bin/false qmaild")
    said = setup(box, "--system", "--replace-mta", "--host", H)
    assert ", was there" in next(line for line in said.splitlines() if line.startswith("user qmaild: "))
    box.shell("usermod -g mail qmaild")
    assert "user qmaild: is in group 8 instead of nofiles (" in box.qmtwist("check").stdout
    box.shell(box.qmtwist("check").stdout.rpartition(": ")[2])
    assert box.qmtwist("check").stdout == ""
    box.shell("userdel qmaill; useradd -M -u 4711 -g nofiles -s /bin/false qmaill")
    ended = box.qmtwist("setup", "--remove")
    assert ended.returncode == 1 and "user qmaill is another one now and stays" in ended.stdout
    passwd = box.run("cut", "-d:", "-f1", "/etc/passwd").split()
    assert {"qmaild", "qmaill"} <= set(passwd) and not {"alias", "qmailq", "qmails", "qmailp"} & set(passwd)
    assert "nofiles" in box.run("cut", "-d:", "-f1", "/etc/group").split()


def test_a_home_that_was_there_stays_as_it_is(box: Machine) -> None:
    """S009: made by hand, with accounts by the commands that setup names."""
    need_mta(box)
    words = ("--host", H, "--admin", "joe")
    named = [line.strip() for line in setup(box, *words).splitlines() if line.startswith("    ")]
    assert len(named) == 9
    box.shell("\n".join(named))
    assert "missing" not in setup(box, *words) and box.qmtwist("check").stdout == ""
    before = changes(box)
    said = setup(box, "--system", "--replace-mta")
    assert ", made" not in said and box.run("readlink", PLACES[0]).strip() == f"{HOME}/bin/sendmail"
    assert f"{HOME} was there before, and stays as it is" in setup(box, "--remove")
    assert changes(box) == before


def test_mail_and_what_people_wrote_outlive_the_removal(box: Machine) -> None:
    need_mta(box)
    setup(box, "--system", "--replace-mta", "--host", H, "--admin", "joe")
    box.shell(f"echo other.example.com >>{HOME}/control/locals; echo joe >{HOME}/alias/.qmail-info")
    box.shell("printf 'Subject: x\\n\\nkeep me\\n' | /usr/sbin/sendmail joe@far.example")
    ended = box.qmtwist("setup", "--remove")
    assert ended.returncode == 1 and "queue has 1 message: the home and its accounts stay" in ended.stdout
    assert "qmailq" in box.run("cat", "/etc/passwd")
    assert box.attempt("test", "-L", PLACES[0]).returncode == 1  # the links are gone
    assert "messages in queue: 1" in box.run(f"{HOME}/bin/qmail-qstat")
    assert "keep me" in box.shell(f"cat {HOME}/queue/mess/*/*")
    ended = box.qmtwist("setup", "--remove", "--delete-mail")
    assert ended.returncode == 0, ended.stdout
    assert sorted(box.run("find", HOME, "-type", "f").split()) == [
        f"{HOME}/alias/.qmail-info",
        f"{HOME}/control/locals",
    ]
    assert box.run("find", HOME, "!", "-user", "root") == "" and "qmailq" not in box.run("cat", "/etc/passwd")
    assert box.qmtwist("setup", "--remove").returncode == 1


def test_nothing_is_begun_where_it_could_not_be_ended(box: Machine) -> None:
    """Systems whose /usr is for reading only."""
    need_mta(box)
    script = 'mount --bind /usr/sbin /usr/sbin && mount -o remount,ro,bind /usr/sbin && exec "$@"'
    words = ("unshare", "--mount", "sh", "-c", script, "sh", PYTHON, "-m", "qmtwist.cli.main", "setup", "--system")
    ended = box.attempt(*words, "--replace-mta", "--host", H)
    assert (ended.returncode, ended.stdout) == (1, "qmtwist setup: /usr/sbin cannot be written\n")
    assert box.attempt("test", "-e", HOME).returncode == 1


def test_a_record_that_others_could_have_written_is_not_believed(box: Machine) -> None:
    need_mta(box)
    setup(box, "--system", "--replace-mta", "--host", H)
    box.shell(f"chmod 666 {HOME}/setup.record")
    ended = box.qmtwist("setup", "--remove")
    assert ended.returncode == 111 and "cannot be believed" in ended.stdout
    box.shell(f"chmod 644 {HOME}/setup.record; echo 'rm /etc/passwd' >>{HOME}/setup.record")
    ended = box.qmtwist("setup", "--remove")
    assert ended.returncode == 111 and "is not understood" in ended.stdout
    assert stat.S_ISLNK(int(box.run("stat", "-c", "%f", PLACES[0]), 16))


def commands(page: str) -> list[str]:
    """The indented lines of a page, for our host."""
    with open(f"{TOP}/docs/howto/{page}.md", encoding="utf-8") as stream:
        lines = re.findall(r"^ *?    (?=qmtwist|echo|cp|systemctl)(.*)$", stream.read(), re.M)
    words = f"{PYTHON} -m qmtwist.cli.main"
    named = [line.replace("FULL.HOST.NAME", H).replace("YOU", "joe") for line in lines]
    return [line.replace("qmtwist ", f"{words} ", 1) if line.startswith("qmtwist") else line for line in named]


def test_the_switch_as_the_page_has_it_and_back(box: Machine) -> None:
    """S018"""
    need_mta(box)
    box.shell("useradd -m joe")
    before = changes(box)
    make, check, look, switch, back = commands("switch-over")
    box.shell(make)
    assert (
        box.attempt("test", "-L", f"{HOME}/bin/sendmail").returncode == 1 and not box.attempt("id", "qmailq").returncode
    )
    assert box.run("readlink", "-f", PLACES[1]).strip() == "/usr/sbin/sendmail"
    box.shell(check)
    shown = box.shell(look)
    assert box.run("readlink", "-f", PLACES[1]).strip() == "/usr/sbin/sendmail"
    done = box.shell(switch)
    assert {line for line in shown.splitlines() if "setup" not in line} <= set(done.splitlines())
    assert box.run("readlink", PLACES[1]).strip() == f"{HOME}/bin/sendmail"
    box.shell(back)
    assert changes(box) == before


def test_a_trial_of_roots_as_the_page_has_it(box: Machine) -> None:
    """S016"""
    before = changes(box)
    *trial, end = commands("trial-beside-a-running-mta")
    assert len(trial) == 4
    said = [box.shell(line) for line in trial]
    assert said[1:] == ["", "", ""] and "qmailq" in box.run("cat", "/etc/passwd")
    assert "control/listensmtp" in box.shell(end)
    left = {path for path in changes(box).keys() - before.keys() if path.startswith("/srv/post")}
    assert left == {"/srv/post", "/srv/post/control"} | {f"/srv/post/control/listen{name}" for name in ("smtp", "pop3")}
    assert "qmailq" not in box.run("cat", "/etc/passwd")


def test_root_alone_puts_something_into_the_machine(box: Machine) -> None:
    box.shell("mkdir -m 777 /var/tmp/open")
    for words in (("--system", "--host", H), ("--remove",)):
        ended = box.attempt(
            "setpriv", "--reuid=nobody", "--clear-groups", PYTHON, "-m", "qmtwist.cli.main", "setup", *words
        )
        assert (ended.returncode, ended.stdout) == (1, f"qmtwist setup: {words[0]} is for root\n")
    ended = box.qmtwist("setup", "--system", "--host", H, "--home", "/var/tmp/open/qmail")
    assert ended.returncode == 1 and "is no place for root's programs" in ended.stdout


def test_a_null_client_takes_the_place_of_sendmail_without_accounts(box: Machine) -> None:
    need_mta(box)
    before = changes(box)
    words = ("--null-client", "--hub", "192.0.2.1", "--host", H)
    said = setup(box, "--system", "--replace-mta", *words)
    assert "useradd" not in said and "adduser" not in said and f"ln -sT {HOME}/bin/sendmail /usr/sbin/sendmail" in said
    assert box.run("readlink", "/usr/lib/sendmail").strip() == f"{HOME}/bin/sendmail"
    setup(box, "--remove")
    assert changes(box) == before


def test_the_machine_has_a_mail_server_afterwards(box: Machine) -> None:
    """What cron and others call is ours; a user's letter to another one is delivered."""
    need_mta(box)
    setup(box, "--system", "--replace-mta", "--host", H, "--admin", "joe")
    box.shell("useradd -m joe; useradd -m ann")
    box.shell(f"cp {HOME}/boot/server {HOME}/rc; {HOME}/bin/qmailctl start")
    try:
        ended = box.qmtwist("setup", "--remove")
        assert ended.returncode == 1 and "the server runs: " in ended.stdout
        assert box.qmtwist("check").stdout == ""
        as_joe = "setpriv --reuid=joe --regid=joe --clear-groups"
        box.shell(f"printf 'To: ann\\nSubject: hello\\n\\n' | {as_joe} /usr/lib/sendmail -t")
        wait_until(lambda: "Subject: hello" in box.run("cat", "/home/ann/Mailbox", may_fail=True))
        assert box.run("mailq") == "" and ":25 " in box.run("ss", "-ltn")
    finally:
        box.shell(f"{HOME}/bin/qmailctl stop")
    setup(box, "--remove")

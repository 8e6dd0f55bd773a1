"""S071: a machine whose own systemd, process 1, starts the mail server at boot and keeps it; and one of init scripts.

    .venv/bin/python -m pytest tests/system/test_boot_by_systemd.py        as root

No virtual machine is needed: systemd runs in name spaces of its own, above a layer that takes all changes.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.booted import Booted, booted
from tests.support.daemon import TOP
from tests.support.ownmachine import Machine, machine
from tests.support.remote import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.slow]

H = "dolphin.example.com"
HOME = "/var/qmail"
PAGE = Path(TOP) / "docs" / "howto" / "start-at-boot.md"
# Only what a machine without other servers starts; the checkout may be no installed package.
PREPARE = f"""
rm -rf {HOME} /etc/systemd/system/*.wants
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
useradd -m joe
mkdir -p /etc/systemd/system/qmtwist.service.d
printf '[Service]\\nEnvironment=PYTHONPATH={TOP}\\n' >/etc/systemd/system/qmtwist.service.d/checkout.conf
"""


@pytest.fixture
def box() -> Iterator[Machine]:
    with machine() as made:
        made.shell(PREPARE)
        ended = made.qmtwist("setup", "--system", "--replace-mta", "--host", H, "--admin", "joe")
        assert ended.returncode == 0, ended.stdout
        yield made


def commands(heading: str) -> list[str]:
    """The indented lines of a section of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line[4:] for line in text.splitlines() if line.startswith("    ")]


def service_alone() -> list[str]:
    """The section's commands for the service, before those for sockets."""
    lines = commands("systemd")
    return lines[: lines.index("systemctl enable --now qmtwist") + 1]


def is_active(run: Booted, unit: str = "qmtwist.service") -> bool:
    return run.attempt("systemctl", "is-active", unit).stdout == "active\n"


def deliver(run: Booted, subject: str) -> None:
    """A letter that joe sends himself through what is called sendmail arrives."""
    joe = "setpriv --reuid=joe --regid=joe --init-groups env HOME=/home/joe"
    run.shell(f"printf 'To: joe\\nSubject: {subject}\\n\\n' | {joe} /usr/sbin/sendmail -t")
    wait_until(lambda: f"Subject: {subject}\n" in run.attempt("cat", "/home/joe/Mailbox").stdout)


def smtp(run: Booted, *lines: str) -> str:
    """What the SMTP service says to these lines."""
    code = "import socket, sys; s = socket.create_connection(('127.0.0.1', 25), 20); f = s.makefile('rw', newline='')\n"
    code += "for line in [*sys.argv[1:], None]:\n"
    code += "    text = f.readline()\n"
    code += "    while text[3:4] == '-': text = f.readline()\n"
    code += "    print(text.strip())\n"
    code += "    if line: f.write(line + '\\r\\n'); f.flush()\n"
    return run.run(sys.executable, "-c", code, *lines)


def test_systemd_starts_the_server_at_boot_and_keeps_it(box: Machine) -> None:
    """S071: enabled by the page's own commands; also after a crash, a shut-down and a pulled plug."""
    with booted(box) as run:
        for line in service_alone():
            run.shell(line)
        assert is_active(run) and "220 " in smtp(run)
        assert "systemd" not in run.run(f"{HOME}/bin/qmailctl", "stat") and box.changes()
        deliver(run, "first")
        run.run(f"{HOME}/bin/qmailctl", "restart")
        assert is_active(run)
        server = run.run("systemctl", "show", "-P", "MainPID", "qmtwist").strip()
        run.run("kill", "-KILL", server)
        wait_until(
            lambda: is_active(run) and server != run.run("systemctl", "show", "-P", "MainPID", "qmtwist").strip()
        )
        deliver(run, "after a crash")
        run.shell(f"echo far.example:127.0.0.1:9 > {HOME}/control/smtproutes")  # where nobody listens
        run.run("systemctl", "reload", "qmtwist")
        run.run("sh", "-c", "printf 'To: x@far.example\\nSubject: waits\\n\\n' | sendmail -t")
        run.shut_down()
    with booted(box) as run:  # nobody types anything
        wait_until(lambda: is_active(run))
        assert "messages in queue: 1\n" in run.run(f"{HOME}/bin/qmail-qstat")
        deliver(run, "after a boot")
        run.power_off()
    with booted(box) as run:
        wait_until(lambda: is_active(run))
        deliver(run, "after a pulled plug")
        assert "messages in queue: 1\n" in run.run(f"{HOME}/bin/qmail-qstat")
        run.shell("systemctl disable --now qmtwist")
        assert not is_active(run)


def test_systemd_listens_while_the_server_is_restarted(box: Machine) -> None:
    """S071: socket units, enabled by the page's commands."""
    with booted(box) as run:
        for line in commands("systemd"):
            run.shell(line)
        assert is_active(run, "qmtwist-smtp.socket") and is_active(run, "qmtwist-pop3.socket")
        assert run.run(f"{HOME}/bin/qmtwist", "check") == ""  # process 1 has the ports, for us
        run.shell("systemctl stop qmtwist")
        assert run.run(f"{HOME}/bin/qmtwist", "check") == ""
        answers = smtp(run, f"HELO {H}", f"MAIL FROM:<ann@{H}>", f"RCPT TO:<joe@{H}>", "QUIT")  # starts it
        assert [line[:3] for line in answers.splitlines()] == ["220", "250", "250", "250", "221"]
        assert is_active(run)
        deliver(run, "by a socket")


INIT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          othermta
# Required-Start:    $local_fs
# Required-Stop:     $local_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: another mail server
### END INIT INFO
case "$1" in
    start)
        exec start-stop-daemon --start --background --make-pidfile --pidfile /run/othermta.pid --exec %s -- \\
            -c "import socket, time; s = socket.create_server(('', 25)); time.sleep(600)" ;;
    stop) exec start-stop-daemon --stop --oknodo --retry 5 --pidfile /run/othermta.pid ;;
    status) kill -0 $(cat /run/othermta.pid) ;;
esac
"""
PACKAGE = """
mkdir -p /tmp/deb/DEBIAN /tmp/deb/etc/init.d
cat >/tmp/deb/etc/init.d/othermta
chmod 755 /tmp/deb/etc/init.d/othermta
printf 'Package: othermta\\nVersion: 1\\nArchitecture: all\\nMaintainer: none <n@n.example>\\n' >/tmp/deb/DEBIAN/control
printf 'Provides: mail-transport-agent\\nDescription: another mail server\\n' >>/tmp/deb/DEBIAN/control
dpkg-deb --build --root-owner-group /tmp/deb /tmp/othermta.deb
dpkg --force-depends -i /tmp/othermta.deb
rm -rf /tmp/deb /tmp/othermta.deb
"""


def test_a_mail_server_of_an_init_script_under_systemd_is_stopped_and_comes_back() -> None:
    """As Debian's Exim."""
    with machine() as box:
        for path in ("/lib/systemd/system-generators/systemd-sysv-generator", "/usr/bin/dpkg-deb"):
            if box.attempt("test", "-e", path).returncode:
                pytest.skip(f"{path} is not here")
        box.shell(f"{PREPARE}\ndpkg --purge --force-all postfix >/dev/null 2>&1 || true")
        box.run("/bin/sh", "-ec", PACKAGE, text=INIT % sys.executable)
        with booted(box) as run:
            run.shell("systemctl enable othermta; systemctl start othermta")
            wait_until(lambda: ":25 " in run.run("ss", "-ltn"))
            setup = [sys.executable, "-m", "qmtwist.cli.main", "setup"]
            said = run.run(*setup, "--system", "--replace-mta", "--host", H, "--admin", "joe")
            assert "systemctl stop othermta\nsystemctl disable othermta\n" in said
            assert ":25 " not in run.run("ss", "-ltn") and "S01othermta" not in run.run("ls", "/etc/rc3.d")
            assert run.run(f"{HOME}/bin/qmtwist", "check") == ""
            run.run(*setup, "--remove")
            wait_until(lambda: ":25 " in run.run("ss", "-ltn"))
            assert "S01othermta" in run.run("ls", "/etc/rc3.d")


TRIES = "|id -un >>$HOME/did; echo x >/tmp/did"


def test_a_mail_server_of_systemd_is_stopped_and_comes_back() -> None:
    """Debian's Postfix, where it is installed."""
    with machine() as box:
        if box.attempt("test", "-e", "/lib/systemd/system/postfix.service").returncode:
            pytest.skip("postfix is not here: Debian has it in postfix")
        box.shell(f"{PREPARE}\npostconf -e inet_interfaces=loopback-only inet_protocols=ipv4; systemctl enable postfix")
        with booted(box) as run:
            wait_until(lambda: ":25 " in run.run("ss", "-ltn"))
            setup = [sys.executable, "-m", "qmtwist.cli.main", "setup"]
            assert "(pid " in run.attempt(*setup, "--system", "--host", H).stdout
            said = run.run(*setup, "--system", "--replace-mta", "--host", H, "--admin", "joe")
            assert "systemctl stop postfix\nsystemctl disable postfix\n" in said and ":25 " not in run.run("ss", "-ltn")
            for line in [line.strip() for line in said.splitlines() if line.startswith("    ")]:  # how to start ours
                run.shell(line)
            assert is_active(run)
            deliver(run, "ours")
            run.shell("systemctl disable --now qmtwist")
            assert "qmtwist.service would still start" in run.run(*setup, "--remove", "--delete-mail")
            assert run.run("systemctl", "is-enabled", "postfix") == "enabled\n"
            wait_until(lambda: ":25 " in run.run("ss", "-ltn"))
            assert run.run("readlink", "-f", "/usr/lib/sendmail") == "/usr/sbin/sendmail\n"


def test_what_the_unit_takes_away_is_taken_away(box: Machine) -> None:
    """The restrictions are in force for the server, and users' programs can do what they need to."""
    box.shell(f"cat >/home/joe/.qmail <<'END'\n{TRIES}\n./Mailbox\nEND")
    with booted(box) as run:
        for line in service_alone():
            run.shell(line)
        deliver(run, "programs")
        assert run.run("cat", "/home/joe/did", "/tmp/did") == "joe\nx\n"
        server = run.run("systemctl", "show", "-P", "MainPID", "qmtwist").strip()
        tried = run.attempt("nsenter", "--target", server, "--mount", "touch", "/usr/did")
        assert "Read-only file system" in tried.stdout
        exposed = run.run("systemd-analyze", "security", "--no-pager", "qmtwist.service").splitlines()[-1]
        assert float(exposed.split(":")[1].split()[0]) < 7, exposed


def test_an_init_script_is_linked_into_the_run_levels(box: Machine) -> None:
    """S071: init.d and rcN.d."""
    if box.attempt("test", "-x", "/usr/sbin/update-rc.d").returncode:
        pytest.skip("update-rc.d is not here")
    for line in commands("An init script, or nothing"):
        if not line.startswith("qmailctl"):
            box.shell(line)
    assert "S01qmtwist" in box.run("ls", "/etc/rc3.d") and "K01qmtwist" in box.run("ls", "/etc/rc0.d")
    with contextlib.ExitStack() as stack:
        stack.callback(box.attempt, "/etc/rc0.d/K01qmtwist", "stop")
        box.run("/etc/rc3.d/S01qmtwist", "start")
        assert box.attempt("/etc/init.d/qmtwist", "status").returncode == 0
        assert ":25 " in box.run("ss", "-ltn")
        box.run("/etc/rc0.d/K01qmtwist", "stop")
        assert box.attempt("/etc/init.d/qmtwist", "status").returncode == 3
    assert os.path.basename(box.run("readlink", "-f", "/etc/rc3.d/S01qmtwist").strip()) == "qmtwist"

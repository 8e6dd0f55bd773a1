"""qmtwist setup - make or complete a home

    qmtwist setup [--home DIR] [--host FULL.HOST.NAME] [--admin ADDRESS]
    qmtwist setup --null-client --hub HOST[:PORT][/tls[:POLICY]] [--hub ...] [--home DIR] [--host FULL.HOST.NAME]
    qmtwist setup --system [--replace-mta | --keep-mta] [--dry-run] ... with any of these
    qmtwist setup --remove [--delete-mail] [--dry-run] [--home DIR]

Makes everything a mail server needs below DIR (default: QMTWIST_HOME, else /var/qmail): alias bin boot control doc man
queue run users. Run it again whenever you like: it adds what is missing, renews the programs in bin, and never changes
a control file, an alias or a program of another maker. alias, control, queue and users may be symbolic links.

--host     the full name of this host. control/me, locals, rcpthosts, defaultdomain and plusdomain are written from it
           where they do not exist. Without it the name is looked up, unless control/me is there already.
--admin    who reads the mail for postmaster, mailer-daemon and root: a local user or an address.

As root, the queue belongs to the users qmailq, qmails and qmailr. If they or others are missing, setup prints the
commands that make them; run those, then setup again, or let --system make them. As any other user, everything belongs
to that user, and the server listens on 127.0.0.1, ports 2525 (SMTP) and 2110 (POP3).

A null client has no queue and no server: every message goes at once by QMQP to a hub, which queues it. Its home has bin
control doc man, bin/qmail-queue is a link to qmail-qmqpc, and no accounts are needed. Run setup on it again as you
like; to make it a full home remove bin/qmail-queue first.

--null-client  make such a home; not where there is a queue
--hub      who queues for us: a name, whose addresses are looked up now, or an address; the port is 628 unless it is
           given. Several are asked in their order. control/qmqpservers is written from it where it does not exist.
           With /tls it is spoken to inside TLS, on port 6280 unless one is given; POLICY is as in control/tlspolicy,
           such as pin:PIN. This host's own key is made then, and the line for the hub's control/tlsclients printed.

With --system root puts the mail server into the machine, and each step is shown as the command that does it: the
users and groups that are missing are made, with adduser on Debian and its kin, with useradd elsewhere; the home is made
as above; /usr/sbin/sendmail, /usr/lib/sendmail, /usr/bin/mailq and /usr/bin/newaliases become links into HOME/bin.
Where another mail server is (one of these files, something that listens on port 25, a package), nothing is done. What
is made is written into HOME/setup.record; a run that was cut is completed by another one.

--replace-mta  take the place of the mail server that is there: its services are stopped and disabled, and its files
           kept as sendmail.old and so on, without any right; on Debian its package is told to unpack them there
           (dpkg-divert). Mail in its queue stays there: let it be delivered before.
--keep-mta  leave the mail server that is there in its place: accounts and the home are made, no links
--dry-run  show the commands and do nothing
--remove   take back what --system did, all of it and no more: links and accounts that it made go, what was kept and
           the services of the other mail server come back. A home that --system made goes as well, but for settings
           that were changed or added. While there is mail in the queue or in alias, the home and its accounts stay.
--delete-mail  with --remove: delete that mail

Exit status: 0; 1 if the host's or a hub's name cannot be found, if --system finds another mail server or has to be
root's, or if --remove had to leave something; 100 for a wrong command line; 111 for trouble with a file or command.
"""

from __future__ import annotations

import argparse
import os
import sys

from qmtwist.control import grammar, identity, schema

from . import accounts, boot, documents, hostname, launchers, manpages, nullclient, removal, system, tree, trust
from .arguments import Parser, home_of
from .records import Unusable

SWITCHES = ("--system", "--replace-mta", "--keep-mta", "--dry-run", "--remove", "--delete-mail")
ALIASES = ("postmaster", "mailer-daemon", "root")


def main(arguments: list[bytes], home: str) -> int:
    """Make or complete a home; say what was done and what is left to do."""
    os.umask(0o022)
    asked = _parse(arguments)
    home = home_of(asked.home, home)
    try:
        if asked.remove:
            return removal.remove(home, asked.delete_mail, asked.dry_run)
        is_null_client = asked.null_client or nullclient.is_null_client(home)
        servers = nullclient.server_lines(asked.hub)
        if is_null_client and (objection := _objection(home, asked, servers)):
            print(f"qmtwist setup: {objection}", file=sys.stderr)
            return 100

        def make() -> int:
            return Setup(home, is_null_client).run(asked.host, asked.admin, servers)

        if not asked.system:
            return make()
        wish = system.Wish(home, is_null_client, bool(asked.host), asked.replace_mta, asked.keep_mta, asked.dry_run)
        return system.put(wish, make, _plain_words(arguments))
    except nullclient.Unknown as trouble:
        print(f"qmtwist setup: {trouble}", file=sys.stderr)
        return 1
    except Unusable as trouble:
        print(f"qmtwist setup: fatal: {trouble}", file=sys.stderr)
        return 111
    except OSError as trouble:
        print(f"qmtwist setup: fatal: {trouble.filename or home}: {trouble.strerror or trouble}", file=sys.stderr)
        return 111


def _plain_words(arguments: list[bytes]) -> list[str]:
    """The same command without --system: the part of it that makes the home."""
    words = [os.fsdecode(word) for word in arguments]
    return ["qmtwist", "setup", *(word for word in words if word not in SWITCHES)]


def _parse(arguments: list[bytes]) -> argparse.Namespace:
    parser = Parser("qmtwist setup", __doc__)
    parser.add_argument("--home")
    parser.add_argument("--host", type=_host)
    parser.add_argument("--admin", type=_admin)
    parser.add_argument("--null-client", action="store_true")
    parser.add_argument("--hub", action="append", type=_hub, default=[])
    for switch in SWITCHES:
        parser.add_argument(switch, action="store_true")
    asked = parser.parse_args([os.fsdecode(word) for word in arguments])
    if asked.null_client and asked.admin:
        parser.error("a null client has no aliases for --admin")
    if asked.hub and not asked.null_client:
        parser.error("--hub is for --null-client")
    _check_words(parser, asked)
    return asked


def _check_words(parser: Parser, asked: argparse.Namespace) -> None:
    """Words for the machine that do not go together, or not without another."""
    if asked.remove and (asked.system or asked.null_client or asked.host or asked.admin):
        parser.error("--remove goes with --home, --delete-mail and --dry-run alone")
    if (asked.replace_mta or asked.keep_mta) and not asked.system:
        parser.error("--replace-mta and --keep-mta are for --system")
    if asked.replace_mta and asked.keep_mta:
        parser.error("either --replace-mta or --keep-mta")
    if asked.delete_mail and not asked.remove:
        parser.error("--delete-mail is for --remove")
    if asked.dry_run and not (asked.system or asked.remove):
        parser.error("--dry-run is for --system and --remove")


def _objection(home: str, asked: argparse.Namespace, servers: str) -> str:
    """Why this home cannot be a null client's, or nothing."""
    if asked.admin:
        return "this is a null client, which has no aliases for --admin"
    if os.path.lexists(f"{home}/queue"):
        return f"{home}/queue is there: let its mail be delivered and remove it, or choose another home"
    if not servers and not os.path.exists(grammar.control_path(home, "qmqpservers")):
        return "who queues for this host? use --hub HOST"
    return ""


def _hub(text: str) -> nullclient.Hub:
    hub = nullclient.parse_hub(text)
    if hub is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST or HOST:PORT, with or without /tls or /tls:POLICY")
    return hub


def _host(text: str) -> str:
    host = text.rstrip(".")
    if not hostname.is_host_name(host):
        raise argparse.ArgumentTypeError(f"{text!r} is no host name")
    return host


def _admin(text: str) -> str:
    local = text.partition("@")[0].lower()
    if not local or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no address")
    if "@" not in text and local in ALIASES:
        raise argparse.ArgumentTypeError(f"{text} gets no mail of its own; name a user or an address")
    return text


class Setup:
    """One run of setup over one home. Made by `main`."""

    def __init__(self, home: str, is_null_client: bool = False) -> None:
        self.home = home
        self.is_null_client = is_null_client
        self.is_root = os.geteuid() == 0
        self.accounts = accounts.find()
        single = (os.geteuid(), os.getegid()) if is_null_client or not self.is_root else None
        self.owner = tree.Owner(self.accounts, single, tree.is_lent(home, self.accounts))

    def run(self, host: str | None, admin: str | None, servers: str = "") -> int:
        """All steps; the exit status. `servers` are the lines of a null client's control/qmqpservers."""
        self._tree()
        status = self._names(host)
        if self.is_null_client:
            self._hubs(servers)
        else:
            self._control_files()
        if admin:
            self._aliases(admin)
        self._programs()
        self._remarks(admin)
        return status

    # -- directories

    def _tree(self) -> None:
        if not os.path.isdir(self.home):
            os.makedirs(self.home, 0o755)
            print(f"making {self.home}")
        if self.is_root:
            # what root's programs are started from belongs to root, as `make setup` has it
            found, gid = os.stat(self.home), 0 if self.is_null_client else self.accounts.gid("qmail")
            if (found.st_uid, found.st_gid, found.st_mode & 0o7777) != (0, gid, 0o755):
                os.chown(self.home, 0, gid)
                os.chmod(self.home, 0o755)
        made = 0
        for entry in tree.entries(self.is_null_client):
            try:
                made += tree.complete(self.home, entry, self.owner)
            except OSError as trouble:
                raise OSError(trouble.errno, trouble.strerror or str(trouble), f"{self.home}/{entry.path}") from trouble
        if made:
            print(f"made or mended {made} directories and queue files")

    # -- control files

    def _names(self, host: str | None) -> int:
        """The files that follow from the host's name, control/me last: it tells that the others were written."""
        me = grammar.read_line(self.home, "me")
        if me is not None and host is None:
            return 0
        if me is not None:
            host = os.fsdecode(me)
            names = [host]
        elif host is None:
            found = hostname.ask()
            if found is None:
                print("cannot find the full name of this host in DNS; use --host FULL.HOST.NAME", file=sys.stderr)
                return 1
            host, names = found.me, found.all
            print(f"the full name of this host is {host}")
            print("\n".join(found.lines))
        else:
            names = [host]
        here = "" if self.is_null_client else "".join(f"{name}\n" for name in names)
        wanted = {
            "locals": here,
            "rcpthosts": here,
            "defaultdomain": hostname.default_domain(host) + "\n",
            "plusdomain": hostname.plus_domain(host) + "\n",
            "me": host + "\n",
        }
        for name, text in wanted.items():
            if text:
                self._control(name, text)
        return 0

    def _control_files(self) -> None:
        """What does not follow from the host's name."""
        smtp, pop3 = schema.PUBLIC_SMTP, schema.PUBLIC_POP3
        if not self.is_root:
            smtp, pop3 = schema.LOOPBACK_SMTP, schema.LOOPBACK_POP3
        self._control("defaultdelivery", "./Mailbox\n")
        self._control("listensmtp", smtp.decode() + "\n")
        self._control("listenpop3", pop3.decode() + "\n")

    def _hubs(self, servers: str) -> None:
        """A null client's servers, and the program that asks them."""
        present = grammar.read_file(self.home, "qmqpservers")
        if present is None:
            self._control("qmqpservers", servers)
        elif servers and present != servers.encode():
            print("control/qmqpservers is there already and stays; change it by hand")
        if nullclient.make_link(self.home):
            print("bin/qmail-queue is qmail-qmqpc")
        if nullclient.has_tls_hub(self.home):
            self._own_key()

    def _own_key(self) -> None:
        """What a hub inside TLS knows this host by."""
        me, path = grammar.read_line(self.home, "me"), identity.certificate_path(self.home)
        if me and not os.path.lexists(path):
            host = os.fsdecode(me)
            identity.make_identity(self.home, path, host, is_shared=True)
            print(f"{path}: a new key; the line for the hub's control/tlsclients is")
            print(f"{identity.own_pin(path).decode()} {host}")

    def _control(self, name: str, text: str) -> None:
        if _create(grammar.control_path(self.home, name), text):
            print(f"control/{name}: " + text.strip().replace("\n", ", "))

    def _aliases(self, admin: str) -> None:
        """.qmail files in alias, whose owner may have put links there: `_create` follows none."""
        for name in ALIASES:
            if _create(f"{self.home}/alias/.qmail-{name}", f"&{admin}\n"):
                print(f"mail for {name} goes to {admin}")

    # -- programs and texts

    def _programs(self) -> None:
        launchers.compile_package()
        done = launchers.write_launchers(self.home)
        if done.made:
            print(f"made {len(done.made)} programs in {self.home}/bin")
        for name in done.foreign:
            print(f"bin/{name} is not ours and stays")
        for note in done.notes:
            print(f"warning: {note}", file=sys.stderr)
        scripts = {} if self.is_null_client else boot.scripts(self.home)
        for name, text in scripts.items():
            _renew(f"{self.home}/boot/{name}", os.fsencode(text), 0o755)
        for name, text in ({} if self.is_null_client else boot.units(self.home)).items():
            _renew(f"{self.home}/boot/{name}", os.fsencode(text), boot.UNITS[name])
        for name, content in documents.texts().items():
            os.makedirs(os.path.dirname(f"{self.home}/doc/{name}"), exist_ok=True)
            _renew(f"{self.home}/doc/{name}", content, 0o644)
        for name, content in manpages.pages().items():
            _renew(f"{self.home}/man/{name}", content, 0o644)

    # -- what is left to do

    def _remarks(self, admin: str | None) -> None:
        if self.is_root and (closed := trust.closed_step(self.home)):
            print(f"warning: users cannot reach this home, because {closed} is closed to them", file=sys.stderr)
        if self.is_null_client:
            return
        if grammar.read_file(self.home, "me") is not None and grammar.read_file(self.home, "rcpthosts") is None:
            print("warning: there is no control/rcpthosts, so mail from outside is taken for this host alone;")
            print("write the domains into it that you accept mail for")
        if not admin and not os.path.lexists(f"{self.home}/alias/.qmail-postmaster"):
            print("nobody reads the mail for postmaster yet: run setup again with --admin ADDRESS")
        if self.is_root and not self.accounts.is_complete:
            self._ask_for_accounts()

    def _ask_for_accounts(self) -> None:
        print("missing: " + ", ".join(accounts.missing(self.accounts)))
        print("the queue belongs to root until they exist; run these commands, then setup again:")
        for command in accounts.commands(self.accounts, self.home):
            print(f"    {command}")


def _create(path: str, text: str) -> bool:
    """A new file; False if something has that name, even a symbolic link to nothing."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    with open(descriptor, "wb") as stream:
        os.fchmod(descriptor, 0o644)
        stream.write(os.fsencode(text))
    return True


def _renew(path: str, content: bytes, mode: int) -> None:
    """A file of ours, written only if it is not the same already."""
    try:
        with open(path, "rb") as stream:
            if stream.read() == content:
                return
    except FileNotFoundError:
        pass
    with open(path + ".new", "wb") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), mode)
    os.rename(path + ".new", path)

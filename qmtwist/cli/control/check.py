"""qmtwist check - is this home in order?

    qmtwist check [--home DIR] [--no-dns]

Prints nothing if it is. Otherwise one line for each thing that is wrong: a directory, queue file or program that is
missing or has the wrong owner or mode, an account that does not exist, a control file that cannot be read or says
something unusable; a queue on a network file system, where neither locks nor fsync can be relied on; in a null
client's home, a control/qmqpservers that names nobody; a sendmail that `qmtwist setup --system` put there and that is
another one now. Then it looks around: a port of control/listensmtp and the like that another program has; and what DNS
says of the name in control/me, unless that is one for trials or local use: an address that is none of this host, no
name for the address, mail for the name that goes elsewhere. DNS gets ten seconds. Each line ends with the command that
mends it, or with what to do. Nothing is changed.

--no-dns   do not ask DNS

Exit status: 0 if nothing is wrong, 1 if something is, 100 for a wrong command line.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from itertools import chain

from qmtwist.control import grammar, rulesfiles, schema
from qmtwist.control.load import Complaint, Complaints, load_with_warnings
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterator
from qmtwist.wire.qmqp import parse_server

from . import accounts, filesystems, keys, launchers, network, nullclient, records, tree
from .arguments import Parser, home_of


def main(arguments: list[bytes], home: str) -> int:
    """Print what is wrong."""
    parser = Parser("qmtwist check", __doc__)
    parser.add_argument("--home")
    parser.add_argument("--no-dns", action="store_true")
    asked = parser.parse_args([os.fsdecode(word) for word in arguments])
    home = home_of(asked.home, home)
    is_good = True
    for line in chain(problems(home), network.problems(home, has_dns=not asked.no_dns)):
        print(line)
        is_good = False
    return 0 if is_good else 1


def problems(home: str) -> Iterator[str]:
    """One sentence for each thing that is wrong, with the command that mends it."""
    is_null_client = nullclient.is_null_client(home)
    setup = f"qmtwist setup --home {shlex.quote(home)}"
    if not os.path.isdir(home):
        yield f"{home}: is not a directory: {setup}"
        return
    owner = _owner(home, is_null_client)
    if owner.single is None:
        for what, command in zip(
            accounts.missing(owner.accounts), accounts.commands(owner.accounts, home), strict=True
        ):
            yield f"{what}: does not exist: {command}"
        for what, command in accounts.strays(owner.accounts):
            yield f"{what}: {command}"
    for entry in tree.entries(is_null_client):
        yield from _entry_problems(home, entry, owner, setup)
    if not is_null_client:
        yield from _queue_problems(home)
    yield from _program_problems(home, setup)
    yield from _control_problems(home, owner)
    yield from keys.problems(home)
    yield from _place_problems(home, setup)
    if is_null_client:
        yield from _hub_problems(home, setup)


def _owner(home: str, is_null_client: bool) -> tree.Owner:
    """A home that belongs to root has the accounts; any other, and a null client's, belongs to one user alone."""
    status = os.stat(home)
    found = accounts.find()
    single = None if status.st_uid == 0 and not is_null_client else (status.st_uid, status.st_gid)
    return tree.Owner(found, single, tree.is_lent(home, found))


def _entry_problems(home: str, entry: tree.Entry, owner: tree.Owner, setup: str) -> Iterator[str]:
    path = f"{home}/{entry.path}"
    quoted = shlex.quote(path)
    try:
        found = tree.status(home, entry)
    except OSError as trouble:
        yield f"{path}: {trouble.strerror}: run this check as root"
        return
    if found is None:
        yield f"{path}: does not exist: {setup}"
        return
    if not tree.is_kind(entry, found):
        yield f"{path}: is not a {entry.kind}: mv {quoted} {quoted}.old && {setup}"
        return
    uid, gid = owner.of(entry)
    if found.st_uid != uid or (owner.single is None and entry.is_fixed and found.st_gid != gid):
        have, want = f"{_user(found.st_uid)}:{found.st_gid}", f"{_user(uid)}:{gid}"
        yield f"{path}: belongs to {have} instead of {want}: chown {want} {quoted}"
    mode = stat.S_IMODE(found.st_mode)
    wanted = entry.mode if entry.is_fixed else mode & ~0o022
    if mode != wanted:
        yield f"{path}: has mode {mode:04o} instead of {wanted:04o}: chmod {wanted:04o} {quoted}"
    if entry.content and found.st_size != len(entry.content):
        yield f"{path}: has {found.st_size} bytes instead of {len(entry.content)}: rm {quoted} && {setup}"


def _queue_problems(home: str) -> Iterator[str]:
    queue = f"{home}/queue"
    kind = filesystems.network_kind(queue)
    if kind is not None:
        yield f"{queue}: is on a network file system ({kind}): mount a local one there, or link to a local directory"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _program_problems(home: str, setup: str) -> Iterator[str]:
    if not os.path.isdir(f"{home}/bin"):
        return  # said already
    state = launchers.write_launchers(home, is_trial=True)
    for name in state.made:
        what = "is not what this version makes" if os.path.lexists(f"{home}/bin/{name}") else "does not exist"
        yield f"{home}/bin/{name}: {what}: {setup}"
    for name in state.foreign:
        path = f"{home}/bin/{name}"
        if not os.access(path, os.X_OK):
            yield f"{path}: cannot be run: chmod 755 {shlex.quote(path)}"
    for note in state.notes:
        yield f"{home}/bin: {note}"


def _control_problems(home: str, owner: tree.Owner) -> Iterator[str]:
    try:
        settings, complaints = load_with_warnings(home)
        for domain in sorted(settings.send.locals.intersection(settings.send.virtualdomains)):
            path = grammar.control_path(home, "virtualdomains")
            name = domain.decode("ascii", "backslashreplace")
            what = f"{name} stands in control/locals as well, which wins"
            yield f"{path}: {what}: ${{EDITOR:-vi}} {shlex.quote(path)}"
    except Complaints as refused:
        complaints = refused.complaints + refused.warnings
    for complaint in complaints:
        yield f"{home}/{complaint}: {_mending(home, complaint)}"
    if not os.path.isdir(f"{home}/control"):
        return  # said already
    rules = [name for name in sorted(os.listdir(f"{home}/control")) if name.split(".")[0] == "tcprules"]
    for name in rules:
        yield from _rules_problems(grammar.control_path(home, name))
    if owner.single and owner.single[0]:
        return
    reader = "users' programs" if owner.single else "the server when it rereads it"
    for name in {**schema.ROWS, **dict.fromkeys(rules)}:  # the server gives root up before it rereads them
        path = grammar.control_path(home, name)
        if os.path.isfile(path) and not os.stat(path).st_mode & 0o004:
            yield f"{path}: cannot be read by {reader}: chmod 644 {shlex.quote(path)}"


def _hub_problems(home: str, setup: str) -> Iterator[str]:
    """Lines of control/qmqpservers that a null client passes over, and when none is left."""
    path = grammar.control_path(home, "qmqpservers")
    try:
        lines = grammar.read_list(home, "qmqpservers") or []
    except OSError as trouble:
        yield f"{path}: {trouble.strerror}: chmod 644 {shlex.quote(path)}"
        return
    unusable = []
    for line in lines:
        server, shown = parse_server(line), line.decode("ascii", "backslashreplace")
        if server is None:
            unusable.append(line)
            what = "is no IP address" if b"/" not in line else "does not end with /tls or /tls:POLICY"
            yield f"{path}: {shown} {what} and is passed over: ${{EDITOR:-vi}} {shlex.quote(path)}"
        elif server.tls and not nullclient.is_policy(server.tls):
            what = f"{shown} has no policy of TLS that demands any: nothing can be sent there"
            yield f"{path}: {what}: ${{EDITOR:-vi}} {shlex.quote(path)}"
    if len(unusable) == len(lines):
        yield f"{path}: names no server: rm -f {shlex.quote(path)} && {setup} --null-client --hub HOST"


def _place_problems(home: str, setup: str) -> Iterator[str]:
    """Links of `setup --system` that others have replaced."""
    try:
        links = records.Record(home).of_kind("link")
    except (records.Unusable, OSError) as trouble:
        yield f"{home}/{records.NAME}: {trouble}: mv {shlex.quote(home)}/{records.NAME} /root"
        return
    for path, target in (fact.words for fact in links):
        if not os.path.islink(path) or os.readlink(path) != target:
            yield f"{path}: is no link to {target} any more: {setup} --system --replace-mta"


def _rules_problems(path: str) -> Iterator[str]:
    try:
        rulesfiles.read(path)
    except (OSError, Malformed) as trouble:
        yield f"{path}: {trouble}: ${{EDITOR:-vi}} {shlex.quote(path)}"


def _mending(home: str, complaint: Complaint) -> str:
    """The command for a complaint about a control file: give it its default, or let a person decide."""
    row, path = schema.ROWS[complaint.name], shlex.quote(grammar.control_path(home, complaint.name))
    if complaint.name == "me":
        return f"echo FULL.HOST.NAME >{path}"
    if "cannot be read" in complaint.text:
        return f"chmod 644 {path}"
    if isinstance(row.default, int) and complaint.line:
        return f"echo {row.default} >{path}"
    return f"${{EDITOR:-vi}} {path}"

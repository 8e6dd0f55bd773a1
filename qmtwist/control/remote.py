"""The settings of those who send to other hosts. (qmail-remote(8))

qmail-remote starts once per message, so this is a room of its own: plain tuples, and only the files it needs are read.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Mapping, NamedTuple

from . import grammar, schema
from .complaints import Complaint, Complaints
from .directory import Directory

USUAL_CERTIFICATE = "servercert.pem"  # netqmail's TLS patch has both in it


class RemoteSettings(NamedTuple):
    """Whoever sends to other hosts: the remote agent and qmail-remote.

    Lines stand as in their files; rules/smarthost, rules/tlspolicy and rules/outgoing make something of them.
    """

    helohost: bytes
    smtproutes: Mapping[bytes, bytes]  # lower-case host, `.domain` or empty: `relay`, `relay:port` or empty
    qmtproutes: Mapping[bytes, bytes]
    tlspolicy: Mapping[bytes, bytes]
    outgoingip: tuple[bytes, ...]
    localaddresses: tuple[bytes, ...]
    nameservers: tuple[bytes, ...]
    families: bytes
    timeoutconnect_s: int
    timeoutremote_s: int
    idle_s: int
    max_messages: int  # down one connection
    tlsca: str | None = None  # path of a PEM file; None: only the platform's authorities are trusted
    tlscert: str | None = None  # path of a PEM file with our own certificate; None: we have none
    tlskey: str | None = None  # and of the one with its key


def load_remote(home: str) -> RemoteSettings:
    """What those need who send to other hosts; they may not be able to read the other files.

    :raises Complaints: a file cannot be read or used, or there is neither control/me nor control/helohost.
    """
    directory = Directory(home)
    for row in schema.ROWS.values():
        if row.name == "me" or row.field.startswith("remote."):
            directory.read(row)
    if not directory.line("me") and "helohost" not in directory.values:
        directory.errors.append(Complaint("me", 0, "is missing; write the full host name into it"))
    if directory.errors:
        raise Complaints(tuple(directory.errors), tuple(directory.warnings))
    return settings(directory)


def settings(directory: Directory) -> RemoteSettings:
    """The settings in a directory that was read without errors."""
    certificate = _certificate(directory)
    return RemoteSettings(
        helohost=directory.line("helohost"),
        smtproutes=directory.map("smtproutes"),
        qmtproutes=directory.map("qmtproutes"),
        tlspolicy=directory.map("tlspolicy"),
        outgoingip=directory.lines("outgoingip"),
        localaddresses=directory.lines("localaddresses"),
        nameservers=directory.lines("nameservers"),
        families=directory.line("outgoingfamilies"),
        timeoutconnect_s=directory.number("timeoutconnect"),
        timeoutremote_s=directory.number("timeoutremote"),
        idle_s=directory.number("remoteidle"),
        max_messages=directory.number("remotemessages"),
        tlsca=grammar.path_from(directory.home, directory.line("tlsca")),
        tlscert=certificate,
        tlskey=grammar.path_from(directory.home, directory.line("tlskey")) or certificate,
    )


def _certificate(directory: Directory) -> str | None:
    """The file with our own certificate: the one that control/tlscert names, or where others' patches look for it."""
    named = grammar.path_from(directory.home, directory.line("tlscert"))
    return named or directory.existing(USUAL_CERTIFICATE)

"""qmtwist tlskey - this host's key for TLS, and the pin by which others know it

usage: qmtwist tlskey [--home DIR]

Makes a key and a self-signed certificate for the host that DIR/control/me names, in DIR/control/servercert.pem, unless
there is one already; or looks at the certificate that control/tlscert names. Prints one line:

    PIN HOST

Put it as it is into control/tlsclients of a host that takes mail from this one by QMTPS or QMQPS. To let mail go to
this one only, write `DOMAIN:pin:PIN` into control/tlspolicy of the other. PIN is the SHA-256 of the public key
(SubjectPublicKeyInfo): it stays the same when a certificate is renewed for the same key.

--home DIR   the mail home; otherwise QMTWIST_HOME, or the home of this program, or /var/qmail

The file belongs to root and can be read by the group of qmailq and qmailr; on a null client by everybody, because
every user's programs send by themselves there. The services read it at start and at HUP. To get another key, remove
the file and run this again; the old pin is of no use then.

Exit status: 0; 100 for wrong usage, or a file without a certificate; 111 if a file cannot be read or written.
"""

from __future__ import annotations

import os
import sys

from qmtwist.control import grammar
from qmtwist.control.identity import certificate_path, make_identity, own_pin
from qmtwist.mail.errors import Permanent

from .arguments import Parser, home_of
from .nullclient import is_null_client

NAME = "qmtwist tlskey"


def main(arguments: list[bytes], home: str) -> int:
    """Make a key if there is none, and print its pin."""
    parser = Parser(NAME, __doc__)
    parser.add_argument("--home")
    asked = parser.parse_args([os.fsdecode(word) for word in arguments])
    try:
        return _run(home_of(asked.home, home))
    except Permanent as error:
        return _complain(100, error.text)
    except OSError as error:
        return _complain(111, f"{error.filename or home}: {error.strerror}")


def _run(home: str) -> int:
    me = grammar.read_line(home, "me")
    if not me:
        return _complain(100, f"{home}/control/me names no host; run qmtwist setup first")
    host = me.decode("ascii", "backslashreplace")
    path = certificate_path(home)
    if not os.path.lexists(path):
        make_identity(home, path, host, is_null_client(home))
    print(own_pin(path).decode(), host)
    return 0


def _complain(status: int, text: str) -> int:
    print(f"{NAME}: {text}", file=sys.stderr)
    return status

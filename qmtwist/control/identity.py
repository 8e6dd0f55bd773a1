"""This host's key and its certificate: who we are towards hosts that pin keys. (qmtwist tlskey; control/tlsclients)

Who pins a key looks at nothing else, so the certificate is self-signed, and as good for a long time.
"""

from __future__ import annotations

import datetime
import os

from qmtwist.mail.errors import Permanent
from qmtwist.rules.certificate import pin_of
from qmtwist.store import durable

from . import grammar
from .accounts import system_account
from .remote import USUAL_CERTIFICATE

YEARS = 20


def certificate_path(home: str) -> str:
    """The file of our own certificate, which may not be there.

    :raises OSError: control/tlscert cannot be read.
    """
    named = grammar.path_from(home, grammar.read_line(home, "tlscert") or b"")
    return named or grammar.control_path(home, USUAL_CERTIFICATE)


def own_pin(path: str) -> bytes:
    """The pin of the key of a certificate in PEM.

    :raises OSError: the file cannot be read.
    :raises Permanent: it has no certificate, or one with a key of an unknown kind.
    """
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    with open(path, "rb") as stream:
        data = stream.read()
    try:
        pin = pin_of(load_pem_x509_certificate(data).public_bytes(Encoding.DER))
    except ValueError:
        pin = b""
    if not pin:
        raise Permanent(f"{path} has no certificate in PEM with a key that can be pinned")
    return pin


def make_identity(home: str, path: str, host: str, is_shared: bool = False) -> None:
    """A new key, and a certificate for `host`, into one file that the mail accounts can read and nobody else.

    `is_shared`: the home has none, and what root makes is for all: on a null client every user's own programs talk to
    the hub.

    :raises OSError: it cannot be written; nothing has changed.
    """
    durable.replace(path, _new_pem(host), *_rights(home, is_shared))


def _rights(home: str, is_shared: bool) -> tuple[int, tuple[int, int] | None]:
    if os.geteuid() != 0:
        return 0o600, None
    if is_shared:
        return 0o644, (0, 0)
    account = system_account("qmailq")  # qmailr, who sends to other hosts, has the same group
    group = account.gid if account else os.stat(f"{home}/queue").st_gid
    return 0o640, (0, group)


def _new_pem(host: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + certificate.public_bytes(Encoding.PEM)

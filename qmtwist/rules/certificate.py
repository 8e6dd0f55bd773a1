"""Which name a server is asked for, and whether its certificate bears one of those that count. (RFC 9525 §6)"""

from __future__ import annotations

from qmtwist.mail.literal import parse_literal
from qmtwist.mail.shapes import TYPE_CHECKING, Iterable, Sequence

if TYPE_CHECKING:
    from service_identity.hazmat import CertificatePattern, ServiceID

SHOWN_NAMES = 3
SHOWN_CHARACTERS = 80
_LABEL = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")


def mismatch(hosts: Sequence[str], addresses: Sequence[str], wanted: Sequence[bytes]) -> str:
    """Why the certificate is for none of the names; empty if it is for one of them.

    `hosts` and `addresses` are its subjectAltName, as written; what is malformed there counts for nothing. `wanted`
    are host names in ASCII and address literals in brackets. The common name of the subject is not looked at.

    >>> mismatch(["*.far.example"], [], [b"far.example", b"mx.far.example"])
    ''
    >>> mismatch(["mx.other.example"], [], [b"far.example"])
    'certificate is for mx.other.example, not for far.example'
    """
    patterns = [*_patterns(hosts, is_host=True), *_patterns(addresses, is_host=False)]
    if any(service.verify(pattern) for service in _services(wanted) for pattern in patterns):
        return ""
    borne = [*hosts, *addresses]
    more = ["..."] if len(borne) > SHOWN_NAMES else []
    shown = ", ".join([name[:SHOWN_CHARACTERS] for name in borne[:SHOWN_NAMES]] + more)
    asked = " or ".join(name.decode("ascii", "backslashreplace") for name in wanted)
    return f"certificate is for {shown}, not for {asked}" if borne else f"certificate names no host, not even {asked}"


def pin_of(certificate: bytes) -> bytes:
    """What a key is known by: the SHA-256 of a certificate's SubjectPublicKeyInfo, in lower-case hexadecimal.

    `certificate` is in DER. A pin stays the same when a certificate is renewed with the same key. It is printed also by
    `openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum`. Empty: the key is of no known kind.
    """
    from hashlib import sha256

    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    try:
        key = load_der_x509_certificate(certificate).public_key()
        return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest().encode()
    except (ValueError, UnsupportedAlgorithm):
        return b""


def indicated_name(server_name: bytes) -> bytes:
    r"""What goes out as SNI: the name, unless it is an address or, as an MX record may say anything, no host name.

    >>> indicated_name(b"MX.far.example."), indicated_name(b"[192.0.2.1]"), indicated_name(b"a\0b.example")
    (b'mx.far.example', b'', b'')
    """
    name = server_name.lower().rstrip(b".")
    labels = name.split(b".")
    # RFC 6066 §3: a host name, no address
    is_name = len(name) <= 253 and all(0 < len(label) <= 63 and _LABEL.issuperset(label) for label in labels)
    return name if is_name and parse_literal(name) is None else b""


def _patterns(written: Iterable[str], is_host: bool) -> Iterable[CertificatePattern]:
    from ipaddress import ip_address

    from service_identity import CertificateError
    from service_identity.hazmat import DNSPattern, IPAddressPattern

    for name in written:
        try:
            if is_host:
                yield DNSPattern.from_bytes(name.encode("ascii"))
            else:
                yield IPAddressPattern.from_bytes(ip_address(name).packed)
        except (CertificateError, ValueError):
            continue


def _services(wanted: Iterable[bytes]) -> Iterable[ServiceID]:
    from ipaddress import ip_address

    from service_identity.hazmat import DNS_ID, IPAddress_ID

    for name in wanted:
        address = parse_literal(name)
        try:
            yield DNS_ID(name.decode("ascii")) if address is None else IPAddress_ID(ip_address(address))
        except ValueError:
            continue  # no certificate can bear it

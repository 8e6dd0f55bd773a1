"""Certificates for tests of TLS: an authority of our own, and what it or nobody signs."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Leaf(NamedTuple):
    """A server's certificate and key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: str, name: str = "server") -> str:
        """Both into one file, readable by its owner; its path."""
        path = os.path.join(directory, f"{name}.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(self.key + self.certificate)
        return path

    def context(self, directory: str) -> ssl.SSLContext:
        """A server's context with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # so that it takes a weak key
        context.load_cert_chain(self.write(directory))
        return context


class Authority:
    """Signs what it is asked to. `pem` is what clients must trust."""

    def __init__(self, name: str = "Test Authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key, 1).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        self._certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, directory: str, name: str = "ca") -> str:
        """The certificate into a file; its path."""
        path = os.path.join(directory, f"{name}.pem")
        with open(path, "wb") as stream:
            stream.write(self.pem)
        return path

    def issue(self, *names: str, subject: str = "", days: int = 1, key: Key | None = None) -> Leaf:
        """A certificate for host names and IP addresses; with negative `days` it expired so many days ago."""
        return _leaf(names, subject, days, key or ec.generate_private_key(ec.SECP256R1()), (self._name, self._key))


def self_signed(*names: str, days: int = 1, key: Key | None = None) -> Leaf:
    """A certificate that nobody vouches for."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    return _leaf(names, "", days, key, None)


def weak_key() -> Key:
    """Too short for today's demands."""
    return rsa.generate_private_key(65537, 1024)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - (1 + abs(days)) * DAY)
        .not_valid_after(now + days * DAY)
    )


def _leaf(names: tuple[str, ...], subject: str, days: int, key: Key, authority: tuple[x509.Name, Key] | None) -> Leaf:
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject or "server")])
    issuer, signer = authority or (own, key)
    builder = _builder(own, issuer, key, days)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Leaf(certificate.public_bytes(serialization.Encoding.PEM), secret)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)

"""The key that manifests are signed with: the user's own, or one made on first use, which nobody vouches for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signvip.errors import ConfigError, DataError
from signvip.origin.record import OriginOptions, read_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

KEY, CERTIFICATE = "SIGNVIP_KEY", "SIGNVIP_CERTIFICATE"  # paths, in the environment
_OWN = "own.pem"  # key and certificates, in the folder of the user's configuration
_YEARS = 20


@dataclass(frozen=True)
class Key:
    """A private key and the chain of its certificate, both PEM, and the name of its algorithm in C2PA."""

    private: bytes
    chain: bytes
    algorithm: str
    own: bool  # made on first use


def signing_key(options: OriginOptions) -> Key:
    """Return the key of the options, else of the environment, else of the user's folder, made where there is none."""
    key, certificate = (
        given or (Path(value) if (value := os.environ.get(name)) else None)
        for given, name in ((options.key, KEY), (options.certificate, CERTIFICATE))
    )
    if key is None and certificate is None:
        return _own_key()
    if key is None or certificate is None:
        missing = (
            "key (--key or SIGNVIP_KEY)"
            if key is None
            else "certificate (--certificate or SIGNVIP_CERTIFICATE)"
        )
        raise ConfigError(f"To sign, a key and a certificate are needed; also give the {missing}.")
    private = read_file(key, "the key", "--key")
    chain = read_file(certificate, "its certificate", "--certificate")
    return Key(private, chain, _algorithm(private, key), own=False)


def config_folder() -> Path:
    """Return where this user's configuration is, by the habits of the system."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    return (Path(base) if base else Path.home() / ".config") / "signvip"


def _algorithm(private: bytes, path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private, password=None)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a private key in PEM without a password; give one by --key."
        ) from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise DataError(
        f"{path} has a key that C2PA does not know; use one of P-256, P-384, P-521, RSA or Ed25519."
    )


_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def _own_key() -> Key:
    path = config_folder() / _OWN
    if not path.is_file():
        _write_privately(path, _make())
    private, mark, chain = path.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")
    return Key(private, mark + chain, _algorithm(private, path), own=True)


def _write_privately(path: Path, content: bytes) -> None:
    """Write a file that only its user reads, whole or not at all; who comes second takes what the first wrote."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _make() -> bytes:
    """Make a key, its certificate and that of the authority that signs it, which exists for this alone."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = (
        _certify("a key made on first use", key, authority, ca=False),
        _certify(_AUTHORITY, authority, authority),
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


_AUTHORITY = "nobody vouches for this key"


def _certify(
    name: str, key: EllipticCurvePrivateKey, authority: EllipticCurvePrivateKey, ca: bool = True
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def called(common: str) -> x509.Name:
        names = ((NameOID.ORGANIZATION_NAME, "SignViP user, untrusted"), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(*each) for each in names])

    usage: dict[str, Any] = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"),
        False,
    )
    usage |= {"decipher_only": False, "digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca}
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(_AUTHORITY))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
        )
    )
    if not ca:  # what C2PA asks of a certificate that signs
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return builder.sign(authority, SHA256())

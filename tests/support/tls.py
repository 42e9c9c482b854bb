"""A REST server behind TLS, with a certificate that nobody has signed but itself."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from support.rest_server import RestServer


class TlsServer(RestServer):
    """Attributes: certificate, the file with it, which a client that trusts the server is given."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        _write(self.certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")


def _write(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class Authority:
    """An authority that signs certificates, and whom nobody knows.

    Attributes:
      certificate: the file that a client which trusts it is given.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.certificate = folder / "ca.pem"
        _write(self.certificate, folder / "ca.key")
        self._private = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
        self._serial = 1

    def signed(self, address: str, prefix: Path) -> tuple[Path, Path]:
        """Writes a certificate of an address and its key, as files that everybody may read."""
        self._serial += 1
        # RSA: the client that is built into ml-metadata knows it for certain.
        private = rsa.generate_private_key(65537, 2048)
        issuer = x509.load_pem_x509_certificate(self.certificate.read_bytes()).subject
        today = datetime.datetime.now(datetime.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"for {address}")]))
            .issuer_name(issuer)
            .public_key(private.public_key())
            .serial_number(self._serial)
            .not_valid_before(today - datetime.timedelta(days=1))
            .not_valid_after(today + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .sign(self._private, hashes.SHA256())  # type: ignore[arg-type]
        )
        certificate, key = prefix.with_suffix(".pem"), prefix.with_suffix(".key")
        certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
            )
        )
        for file in (certificate, key):
            file.chmod(0o644)
        return certificate, key

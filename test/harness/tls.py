"""Certificates for tests, made by openssl: an authority, and what it signs."""

import pathlib

from .process import run


class Authority:
    """A certificate authority below a directory; `pem` is its certificate."""

    def __init__(self, directory, name="authority"):
        self.directory, self.name = pathlib.Path(directory), name
        self.key, self.certificate = self.directory / f"{name}.key", self.directory / f"{name}.pem"
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", self.key, "-out", self.certificate])

    @property
    def pem(self):
        return self.certificate.read_text()

    def issue(self, name, alternative=None):
        """A key (PKCS #8) and a certificate, as PEM texts; alternative: 'DNS:localhost'."""
        key, request, certificate, extension = (self.directory / f"{name}.{end}" for end in ("key", "csr", "crt", "ext"))
        run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request])
        extension.write_text(f"subjectAltName={alternative}\n" if alternative else "")
        run(["openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
             "-days", "2", "-extfile", extension, "-out", certificate])
        return key.read_text(), certificate.read_text()

    def issue_encrypted(self, name, password):
        """As issue(), the key under a password."""
        _, certificate = self.issue(name)
        key = run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", f"pass:{password}", "-in", self.directory / f"{name}.key"])
        return key, certificate

"""Certificates for tests, made with the openssl command: an authority and what it signs."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

CONFIG = """
[ca]
default_ca = it
[it]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
email_in_dn = no
[anything]
commonName = supplied
[leaf]
basicConstraints = critical,CA:FALSE
subjectAltName = {names}
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
YEAR = timedelta(days=365)


def openssl(*arguments: str | Path) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)  # noqa: S603


@dataclass(frozen=True)
class Certificate:
    """PEM files."""

    cert_file: Path
    key_file: Path


class Authority:
    """Signs with a key that nobody believes who was not told to."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        (directory / "index.txt").touch()
        self._directory = directory
        self._made = 0
        self.own = Certificate(directory / "ca.pem", directory / "ca.key")
        files = ("-keyout", self.own.key_file, "-out", self.own.cert_file)
        openssl("req", "-x509", *KEY, *files, "-subj", "/CN=authority of a test", "-days", "2")

    def sign(
        self, *names: str, begins: timedelta = timedelta(days=-1), ends: timedelta = YEAR
    ) -> Certificate:
        """Return a certificate for names as openssl writes them (`DNS:a.example`, `IP:8.8.8.8`).

        It is good from `begins` to `ends`, both from now.
        """
        self._made += 1
        stem = self._directory / f"leaf{self._made}"
        made = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        config, request = stem.with_suffix(".cnf"), stem.with_suffix(".csr")
        config.write_text(CONFIG.format(directory=self._directory, names=",".join(names)))
        subject = ("-subj", "/CN=leaf of a test")
        openssl("req", "-new", *KEY, "-keyout", made.key_file, "-out", request, *subject)
        signer = ("-cert", self.own.cert_file, "-keyfile", self.own.key_file)
        dates = ("-startdate", _asn1(begins), "-enddate", _asn1(ends))
        files = ("-in", request, "-out", made.cert_file, "-notext")
        openssl("ca", "-batch", "-config", config, "-extensions", "leaf", *signer, *dates, *files)
        return made


def self_signed(directory: Path, *names: str) -> Certificate:
    """Return a certificate that only its own key vouches for."""
    made = Certificate(directory / "self.pem", directory / "self.key")
    files = ("-keyout", made.key_file, "-out", made.cert_file)
    names_of_it = ("-addext", f"subjectAltName={','.join(names)}")
    openssl("req", "-x509", *KEY, *files, "-subj", "/CN=self", "-days", "2", *names_of_it)
    return made


def _asn1(from_now: timedelta) -> str:
    return (datetime.now(UTC) + from_now).strftime("%Y%m%d%H%M%SZ")

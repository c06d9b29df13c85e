"""A server that speaks TLS, well or badly, and tells what came of it."""

import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from service.dev.servers import HOST
from tests.certificates import Certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OK_AND_CLOSE = OK.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"


@dataclass
class TlsServer:
    """Notes every byte that comes after a handshake, and the names that were asked for.

    It runs in threads: a server of asyncio does not say why it refuses a handshake.
    """

    context: ssl.SSLContext
    answer: bytes = OK
    question_end: bytes = b"{}"
    """What the body of a request ends with; then it is answered."""
    received: bytearray = field(default_factory=bytearray)
    names: list[str] = field(default_factory=list)
    handshakes: int = 0
    _listening: socket.socket = field(default_factory=lambda: socket.create_server((HOST, 0)))

    def __post_init__(self) -> None:
        self.context.sni_callback = self._asked  # type: ignore[assignment]

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    def run(self) -> None:
        """Serve until closed."""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _asked(self, _: ssl.SSLSocket, name: str | None, __: ssl.SSLContext) -> None:
        self.names.append(name or "")

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5.0)
            try:
                # Dropping the wrapper must not close the connection before the alert is read.
                secure = self.context.wrap_socket(connection.dup(), server_side=True)
            except ssl.SSLError:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65_536):
                    pass
                return
            self._answer(secure)

    def _answer(self, secure: ssl.SSLSocket) -> None:
        self.handshakes += 1
        with secure:
            while data := secure.recv(65_536):
                self.received += data
                if self.received.endswith(self.question_end):
                    secure.sendall(self.answer)


def context_of(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert_file, certificate.key_file)
    return context


def no_newer_than(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    return context


@contextmanager
def serving(context: ssl.SSLContext, answer: bytes = OK) -> Iterator[TlsServer]:
    server = TlsServer(context, answer)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()

"""Places without a registry, each failing in its own way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

from .processes import free_port


class Recorder:
    """Accepts connections and records their first bytes. None should come; one that does gets a plain "no"."""

    def __init__(self, address: str = "127.0.0.3", certificate: tuple[Path, Path] | None = None):
        self.heard: list[bytes] = []
        self._socket = socket.create_server((address, 0))
        self._context = None
        if certificate:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(*certificate)
        self.address = f"{address}:{self._socket.getsockname()[1]}"
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._hear, args=[connection], daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.settimeout(10)
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            self.heard.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()


class BlackHole:
    """A port on which the kernel answers no new connection: what is sent there is gone, as behind a dropped route.

    `Gate` puts one where a server was.
    """

    def __init__(self, port: int | None = None):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port or 0))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        # The queue holds one or two; when it is full, the kernel drops further connections.
        self._waiting = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(("127.0.0.1", self.port))
            self._waiting.append(client)

    def close(self) -> None:
        for one in [*self._waiting, self._listener]:
            one.close()


class Gate:
    """A way to a server that can be closed: it then refuses, or swallows everything, at the same address."""

    def __init__(self, target_port: int):
        self._target = target_port
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        #: Connections that were passed on to the server.
        self.passed = 0
        self._hole: BlackHole | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._open()

    def _open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        threading.Thread(target=self._run, args=[self._listener], daemon=True).start()

    def refuse(self) -> None:
        self._shut()

    def swallow(self) -> None:
        self._shut()
        self._hole = BlackHole(self.port)

    def reopen(self) -> None:
        if self._hole:
            self._hole.close()
            self._hole = None
        self._open()

    def close(self) -> None:
        self._shut()
        if self._hole:
            self._hole.close()

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def _run(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self.passed += 1
            self._pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=[one, other], daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)

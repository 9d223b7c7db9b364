"""Load on one HTTP endpoint: latency over one connection, throughput over many."""

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import uvloop
from numpy.typing import NDArray

HEADER_END = b"\r\n\r\n"
LENGTH = b"content-length: "


def request(port: int, path: str, body: bytes) -> bytes:
    """Return the bytes of a POST of JSON."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def latencies(port: int, message: bytes, count: int) -> NDArray[np.float64]:
    """Return the seconds that each of `count` requests took, one after the other on one connection."""
    found = np.empty(count)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(count):
            began = time.perf_counter()
            connection.sendall(message)
            _receive(connection)
            found[i] = time.perf_counter() - began
    return found


def throughput(port: int, message: bytes, connections: int, seconds: float) -> float:
    """Return the requests answered in a second over `connections` at once."""
    return uvloop.run(_throughput(port, message, connections, seconds))


async def _throughput(port: int, message: bytes, connections: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: _Client(message), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(0.5)  # warm
    before, began = sum(client.answers for client in clients), time.perf_counter()
    await asyncio.sleep(seconds)
    answered = sum(client.answers for client in clients) - before
    for client in clients:
        client.transport.abort()
    return answered / (time.perf_counter() - began)


@dataclass
class _Client(asyncio.Protocol):
    """Sends the message again whenever its answer has come."""

    message: bytes
    answers: int = 0
    received: bytes = b""
    transport: asyncio.Transport = field(init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self.message)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) >= _expected(self.received):
            self.received = b""
            self.answers += 1
            self.transport.write(self.message)


def _receive(connection: socket.socket) -> None:
    received = b""
    while len(received) < _expected(received):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the server closed the connection before its answer was whole")
        received += more


def _expected(received: bytes) -> float:
    """Return the length of the whole answer that `received` begins; raise for one that is not a success."""
    end = received.find(HEADER_END)
    if end < 0:
        return float("inf")
    if b" 200 " not in received[:20]:
        raise RuntimeError(received.decode())
    start = received.index(LENGTH) + len(LENGTH)
    return end + len(HEADER_END) + int(received[start : received.index(b"\r", start)])

"""A line to a real server that fails in the middle of a conversation."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from select import select
from threading import Event, Thread

Fault = Callable[[socket.socket], None]


def stall(line: socket.socket) -> None:
    """Leave the line as it is."""


def reset(line: socket.socket) -> None:
    """Break the line off."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()


@contextmanager
def line_to(url: str, fault: Fault) -> Iterator[str]:
    """Pass everything on to a server until a client says `stalled`; then do that to the client's line."""
    port = int(url.rpartition(":")[2].partition("/")[0])

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                lines.append(Thread(target=serve, args=(near,)))
                lines[-1].start()

    def serve(near: socket.socket) -> None:
        with suppress(OSError), near, socket.create_connection(("127.0.0.1", port)) as far:
            while True:
                for ready in select([near, far], [], [])[0]:
                    content = ready.recv(65536)
                    if not content:
                        return
                    if b"stalled" in content:
                        fault(near)
                        over.wait(20)
                        return
                    (far if ready is near else near).sendall(content)

    over, lines = Event(), [Thread(target=accept)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lines[0].start()
        try:
            yield url.replace(f":{port}/", f":{listener.getsockname()[1]}/")
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            for line in lines:
                line.join()

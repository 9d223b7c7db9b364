"""A line to a real server that fails in the middle of a conversation."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select
from threading import Event, Thread


@contextmanager
def line_to(url: str, fault: Callable[[socket.socket], None]) -> Iterator[str]:
    """Pass everything on to a server until a query says `stalled`; then do that to the client's line."""
    port = int(url.rpartition(":")[2].partition("/")[0])

    def serve() -> None:
        near, _ = listener.accept()
        with near, socket.create_connection(("127.0.0.1", port)) as far:
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

    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield url.replace(f":{port}/", f":{listener.getsockname()[1]}/")
        finally:
            over.set()
            thread.join()

"""A process that has imported `switchhook` and forks it for each start that a test wants.

Imports take a second of processor time, and the tests start the command some hundred times. As in
the template of `run --workers N`, nothing runs here that a fork would inherit: no thread, no event
loop, no connection.

Usage: `python -m tests.forking.server SOCKET`, which ends when its standard input does. A client
connects, sends an `Order` with its three standard streams, and receives the process id, then the
exit code; see `client.py`.
"""

import gc
import json
import os
import signal
import socket
import sys
import time
from select import select
from typing import TypedDict

from service.cli.main import main

STREAMS = 3
LONGEST_ORDER = 1 << 17


class Order(TypedDict):
    """What a new process is given by whoever starts it."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str


def serve(path: str) -> socket.socket | None:
    """Fork for each client. Returns its connection in the fork, and None at the end."""
    # The kernel reaps the keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        while True:
            ready, _, _ = select([listener, sys.stdin], [], [])
            if listener not in ready:
                return None
            connection, _ = listener.accept()
            if os.fork() == 0:
                return connection
            connection.close()


def keep(connection: socket.socket) -> Order:
    """Fork the command, and return its order there; here tell its process id and exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, streams, _, _ = socket.recv_fds(connection, LONGEST_ORDER, STREAMS)
    pid = os.fork()
    if pid == 0:
        connection.close()
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        order: Order = json.loads(text)
        return order
    for stream in (*range(STREAMS), *streams):
        os.close(stream)
    connection.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def carry_out(order: Order) -> None:
    """Run the command as a new process would."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    os.chdir(order["directory"])
    main(order["arguments"], prog_name="switchhook")


if __name__ == "__main__":
    waiting = serve(sys.argv[1])
    if waiting is not None:
        carry_out(keep(waiting))

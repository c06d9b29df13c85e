"""The template: a process that has imported all modules and forks each worker.

Imports take most of a start: a second of processor time, and several on a busy machine. They are
done once, in a process without an event loop, thread or connection, so that workers inherit nothing
that runs. Workers share the template's memory for as long as neither writes to it.
"""

import gc
import os
import socket

LONGEST_LINE = 32
NOT_FORKED = b"0\n"


def fork_on_request(requests: socket.socket) -> int | None:
    """Fork a worker for each number that the supervisor writes, and reply with its process id.

    Returns the number in every worker; in the template None, once the supervisor closes the socket.
    """
    gc.collect()
    gc.freeze()
    while line := requests.recv(LONGEST_LINE):
        read, write = os.pipe()
        if _in_worker(write):
            for descriptor in (requests.detach(), read, write):
                os.close(descriptor)
            return int(line)
        os.close(write)
        requests.sendall(os.read(read, LONGEST_LINE) or NOT_FORKED)
        os.close(read)
    return None


def _in_worker(told: int) -> bool:
    """Fork twice and return whether this is the second child, whose id is written to `told`.

    The first child ends at once, so that the kernel makes the second a child of the supervisor,
    which learns how it ends even if the template has ended by then.
    """
    try:
        first = os.fork()
    except OSError:
        return False
    if first:
        os.waitpid(first, 0)
        return False
    try:
        second = os.fork()
    except OSError:
        os._exit(1)
    if second:
        os.write(told, b"%d\n" % second)
        os._exit(0)
    os.setsid()
    return True

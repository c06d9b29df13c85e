"""Kazoo's exchange for answers: the routing key is the queue of the process that asked."""

from service.domain.reply import Reply

TARGETED = "targeted"
PID = "pid://"


def targeted(server_id: str, body: bytes) -> Reply:
    """Return the reply to a `Server-ID` or a `Controller-Queue`.

    Of the form `pid://<0.1.2>/queue`, the text after the last slash is the routing key, and the
    part between goes into a header, without which the process never sees the answer.
    """
    if not server_id.startswith(PID):
        return Reply(TARGETED, server_id, body)
    pid, _, queue = server_id.removeprefix(PID).rpartition("/")
    return Reply(TARGETED, queue, body, None, {"Deliver-To-PID": pid})

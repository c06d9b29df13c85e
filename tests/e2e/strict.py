"""What the tests of bad requests share: a request that is good, and what an error looks like."""

from tests.api_client import Reply

MOST_WEBHOOKS = 5
PUBLIC = "https://93.184.216.34/calls"
GOOD = {"name": "crm", "uri": PUBLIC, "hook": "channel_create"}
OPERATOR = {"$gt": ""}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def check_envelope(reply: Reply, *statuses: int) -> None:
    """Hold an error against what Crossbar's look like."""
    envelope = reply.envelope
    assert reply.status in statuses, envelope
    assert envelope["status"] == "error"
    assert envelope["error"] == str(reply.status)
    assert envelope["request_id"] == reply.headers["X-Request-ID"]
    assert isinstance(envelope["message"], str)
    assert isinstance(envelope["data"], dict)
    assert "version" not in envelope

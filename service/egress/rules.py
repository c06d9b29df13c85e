"""The egress rules in words for owners of webhooks, and who can change them."""

OPERATOR = "the operator can allow it with"
MEANINGS = {
    "require_https": "plain http is not allowed, use https; the operator decides, for all "
    "accounts with egress.require_https or for one with require_https in its document",
    "not_public": "the host is, or resolves to, an address that is not public; "
    f"{OPERATOR} egress.allow",
    "denied": "the host is, or resolves to, an address that the operator denies with egress.deny",
    "metadata": "the host is, or resolves to, an address of a cloud's metadata service, which "
    "hands out credentials; nobody can allow it",
    "port": "the port is not allowed for webhooks; the operator can change that with egress.ports "
    "and egress.deny_ports",
    "private_name": "public name servers do not answer for the host's name; "
    f"{OPERATOR} egress.allow_names",
    "malformed_name": "the host's name is not a valid DNS name; correct the URI",
    "malformed": "the URI cannot be requested; correct it",
    "non_canonical": "an IPv4 address must be four decimal numbers without leading zeros; "
    "correct the URI",
    "ipv4_mapped": "an IPv4 address must not be written as an IPv6 one; correct the URI",
    "zone": "an IPv6 address must have no zone: a zone selects this machine's own network; "
    "correct the URI",
    "unparseable": "the host is neither a name nor an address; correct the URI",
    "self": "the address and port are those of this service itself; nobody can allow it",
}


def in_words(rule: str) -> str:
    """Return a rule's name with its meaning and who can change it."""
    return f"rule {rule}: {MEANINGS[rule]}"

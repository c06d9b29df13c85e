"""The egress rules in words for owners of webhooks, and who can change them."""

OPERATOR = "the operator can allow it with"
MEANINGS = {
    "require_https": "plain http is not allowed here, use https; the operator decides, for all "
    "with egress.require_https or for one account with require_https in its document",
    "not_public": "the host is, or resolves to, an address that is not public; "
    f"{OPERATOR} egress.allow",
    "denied": "the host is, or resolves to, an address that the operator has closed with "
    "egress.deny",
    "metadata": "the host is, or resolves to, an address where clouds hand out credentials; "
    "nobody can allow it",
    "port": "the port is not one for webhooks; the operator can change that with egress.ports and "
    "egress.deny_ports",
    "private_name": "the host's name is none that public name servers answer for; "
    f"{OPERATOR} egress.allow_names",
    "malformed_name": "the host's name is not spelt as a name of the domain name system; "
    "correct the URI",
    "malformed": "nothing can be requested from the URI; correct it",
    "non_canonical": "an IPv4 address must be four decimal numbers without leading zeros; "
    "correct the URI",
    "ipv4_mapped": "an IPv4 address must not be written as an IPv6 one; correct the URI",
    "zone": "an IPv6 address must have no zone, which means this machine's own network; "
    "correct the URI",
    "unparseable": "the host is neither a name nor an address; correct the URI",
    "self": "it is the address and port of this very service; nobody can allow it",
}


def in_words(rule: str) -> str:
    """Return a rule by its name, with what it means and who can change it."""
    return f"rule {rule}: {MEANINGS[rule]}"

"""Reading of the members `mask` and `omit` of a webhook's document."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.domain.filters.reading import Problem, path_fault
from service.domain.privacy import MOST_KEPT, MOST_RULES, Mask, Path, Privacy

Document = Mapping[str, Any]
MASK_KEY = "mask_key"
"""The account's key for hashes, which an adapter adds; it is not stored."""
MASK_MEMBERS = ("member", "keep", "hash")


def privacy_of(document: Document) -> Privacy | None:
    """Return the rules of a document that has no `privacy_problems`; None where it has none."""
    masks, omitted = document.get("mask") or (), document.get("omit") or ()
    if not masks and not omitted:
        return None
    return Privacy(
        tuple(_mask(one) for one in masks),
        tuple(_path(one) for one in omitted),
        document.get(MASK_KEY),
    )


def hashes(document: Document) -> bool:
    """Return whether a webhook hashes a member."""
    masks = document.get("mask")
    return isinstance(masks, list) and any(
        isinstance(one, Mapping) and one.get("hash") for one in masks
    )


def privacy_problems(document: Document) -> Iterator[Problem]:
    """Yield the problems of `mask` and `omit`, each with its path."""
    for name in ("mask", "omit"):
        rules = document.get(name)
        if rules is None:
            continue
        if not isinstance(rules, list):
            yield name, "type", {"message": "must be a list", "target": "array"}
            continue
        if len(rules) > MOST_RULES:
            message = f"has {len(rules)} members; at most {MOST_RULES} are allowed"
            yield name, "maxItems", {"message": message, "target": MOST_RULES}
        for number, rule in enumerate(rules):
            yield from _rule_problems(f"{name}.{number}", rule, simple=name == "omit")


def _rule_problems(where: str, rule: Any, *, simple: bool) -> Iterator[Problem]:
    if isinstance(rule, Mapping) and not simple:
        yield from _member_problems(f"{where}.member", rule.get("member"))
        yield from _mask_problems(where, rule)
    else:
        yield from _member_problems(where, rule)


def _member_problems(where: str, member: Any) -> Iterator[Problem]:
    fault = path_fault(member)
    if fault is None and any(name.isdecimal() for name in member.split(".")):
        fault = "must not have a position in a list: all of its elements are meant"
    if fault:
        yield where, "invalid", {"message": fault}


def _mask_problems(where: str, rule: Document) -> Iterator[Problem]:
    for name in rule:
        if name not in MASK_MEMBERS:
            message = f"unknown; there may be {', '.join(MASK_MEMBERS)}"
            details = {"message": message, "target": list(MASK_MEMBERS)}
            yield f"{where}.{name}", "additionalProperties", details
    keep = rule.get("keep", 0)
    if not isinstance(keep, int) or isinstance(keep, bool) or not 0 <= keep <= MOST_KEPT:
        message = f"must be a number of characters from 0 to {MOST_KEPT}"
        yield f"{where}.keep", "invalid", {"message": message}
    if not isinstance(rule.get("hash", False), bool):
        message = "must be true or false"
        yield f"{where}.hash", "type", {"message": message, "target": "boolean"}
    elif rule.get("hash") and keep:
        yield f"{where}.keep", "invalid", {"message": "a hash keeps no characters"}


def _mask(rule: Any) -> Mask:
    if isinstance(rule, str):
        return Mask(_path(rule))
    return Mask(_path(rule["member"]), rule.get("keep", 0), bool(rule.get("hash")))


def _path(member: str) -> Path:
    return tuple(member.split("."))

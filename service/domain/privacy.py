"""Privacy of a webhook: members of the payload that it masks, hashes or leaves out."""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from service.text.json_text import write_json

MASK = "*"
HASH_DIGITS = 32
MOST_RULES = 50
MOST_KEPT = 100

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mask:
    """A member to mask: hashed, or with its last `keep` characters left."""

    path: Path
    keep: int = 0
    hashed: bool = False

    @property
    def member(self) -> str:
        """The path as it is written."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What a webhook masks and leaves out; webhooks with equal ones share a payload.

    `key` belongs to the account. Without one, what should be hashed is masked whole.
    """

    masks: tuple[Mask, ...] = ()
    omitted: tuple[Path, ...] = ()
    key: bytes | None = field(default=None, repr=False)

    def applied(self, payload: Mapping[str, Any], hashed: Iterable[str] = ()) -> dict[str, Any]:
        """Return a copy of the payload with the rules applied.

        `hashed` are the members that were hashed before and would be hashed again; everything else
        may be applied twice.
        """
        copy = dict(payload)
        done = frozenset(hashed)
        for mask in self.masks:
            if not (mask.hashed and mask.member in done):
                _change(copy, mask.path, partial(self._masked, mask))
        for path in self.omitted:
            _change(copy, path, None)
        return copy

    def disguised(
        self, call_id: str, payload: Mapping[str, Any], hashed: Iterable[str] = ()
    ) -> str | None:
        """Return a call id as the rules leave it in the payload; None where it is left out.

        The id is kept beside the payload as well. `hashed` is as in `applied`.
        """
        done = frozenset(hashed)
        if any(call_id in leaves(payload, path) for path in self.omitted):
            return None
        for mask in self.masks:
            again = mask.hashed and mask.member in done
            if not again and call_id in leaves(payload, mask.path):
                return str(self._masked(mask, call_id))
        return call_id

    @property
    def hashes(self) -> tuple[str, ...]:
        """The members that it hashes."""
        return tuple(mask.member for mask in self.masks if mask.hashed)

    def _masked(self, mask: Mask, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._masked(mask, one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._masked(mask, one) for one in value]
        if value is None:
            return None
        if mask.hashed and self.key is not None:
            return hmac.digest(self.key, _text(value).encode(), "sha256").hex()[:HASH_DIGITS]
        if isinstance(value, bool):
            return MASK
        return _starred(_text(value), 0 if mask.hashed else mask.keep)


def leaves(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield the values at a path, or below it, that are neither objects nor lists."""
    if isinstance(value, list):
        for one in value:
            yield from leaves(one, path)
    elif isinstance(value, Mapping):
        chosen = [value[path[0]]] if path and path[0] in value else []
        for one in chosen if path else value.values():
            yield from leaves(one, path[1:])
    elif not path:
        yield value


def _starred(text: str, keep: int) -> str:
    """Return the text with only its last characters; one that is not longer is masked whole."""
    if keep == 0 or len(text) <= keep:
        return MASK * len(text)
    return MASK * (len(text) - keep) + text[-keep:]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else write_json(value).decode()


def _change(members: dict[str, Any], path: Sequence[str], new: Callable[[Any], Any] | None) -> None:
    """Replace the member at a path, or delete it; copies what lies on the way."""
    name, *below = path
    if name not in members:
        return
    if below:
        members[name] = _changed_below(members[name], below, new)
    elif new is None:
        del members[name]
    else:
        members[name] = new(members[name])


def _changed_below(value: Any, path: Sequence[str], new: Callable[[Any], Any] | None) -> Any:
    """Return a copy of an object, or of each object in a list, with the member replaced."""
    if isinstance(value, list):
        return [_changed_below(one, path, new) for one in value]
    if not isinstance(value, Mapping):
        return value
    copy = dict(value)
    _change(copy, path, new)
    return copy

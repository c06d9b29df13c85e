"""Hook: a kind of event to subscribe to, and the entry of a dialect's catalogue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.dialects.binding import Binding
from service.dialects.bus_message import BusMessage, Occasion

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Hook:
    """A kind of event to subscribe to.

    `binds` are the bindings that bring its events. `members` are the JSON Schemas of the members
    that a payload may have, `required` the names of those that it always has; `added` are members
    that the request has beside the payload. `sample` makes a message that fires the hook. `version`
    grows with every change of the schema that a receiver could notice.
    """

    hook_id: str
    name: str
    description: str
    source: str
    binds: Sequence[Binding]
    members: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]
    sample: Callable[[Occasion], BusMessage]
    added: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: int = 1
    modifiers: Mapping[str, Any] = field(default_factory=dict)
    """Values that `custom_data` can filter by, in the API's form."""
    filter_values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Possible values of the filters that `modifiers` does not list."""
    never_stored: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Filter values for which a stored webhook gets no event, each with the reason in words."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Members of the payload with a constant value."""
    open: bool = False
    """Whether payloads may have members that the catalogue does not list."""
    rules: Sequence[Mapping[str, Any]] = ()
    """Rules of the schema that concern several members (`allOf`)."""

    @property
    def schema_id(self) -> str:
        """The value of the header `X-Switchhook-Schema`."""
        return f"{self.hook_id}/{self.version}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the payload. A webhook's own `custom_data` may add members."""
        schema: dict[str, Any] = {
            "$schema": JSON_SCHEMA,
            "$id": self.schema_id,
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": {**self.members, **self.added},
            "required": list(self.required),
        }
        return schema | ({"allOf": list(self.rules)} if self.rules else {})

    def filterable(self) -> Mapping[str, Sequence[str]]:
        """Return the possible values of each filter."""
        listed = {key: list(modifier["items"]) for key, modifier in self.modifiers.items()}
        return {**listed, **self.filter_values}

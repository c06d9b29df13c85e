"""Hook: a kind of event to subscribe to, and the entry of a dialect's catalogue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.dialects.binding import Binding
from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.schema_version import EarlierVersion, Payload
from service.domain.freshness import Freshness

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
    """Rules of the current schema that concern several members (`allOf`)."""
    earlier: Sequence[EarlierVersion] = ()
    """The versions before the current one that webhooks can be pinned to, oldest first."""
    freshness: Freshness = Freshness.RECORD
    """For how long its events are of use."""
    freshness_of: Mapping[str, Freshness] = field(default_factory=dict)
    """The same by name of event, for those of another class."""
    changes: Mapping[int, str] = field(default_factory=lambda: {1: "First version."})
    """Change log: what each version changed, in the words of a receiver."""

    @property
    def schema_id(self) -> str:
        """The value of the header `X-Switchhook-Schema`."""
        return self.schema_id_of(self.version)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the payload. A webhook's own `custom_data` may add members."""
        schema = self._schema(self.version, self.members, self.required)
        return schema | ({"allOf": list(self.rules)} if self.rules else {})

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions that webhooks can be pinned to, the current one last."""
        return (*(earlier.version for earlier in self.earlier), self.version)

    def schema_id_of(self, version: int) -> str:
        """Return the id of a version of the schema."""
        return f"{self.hook_id}/{version}"

    def schema_of(self, version: int) -> dict[str, Any]:
        """Return one of its `versions` as JSON Schema."""
        found = self.earlier_version(version)
        return self._schema(version, found.members, found.required) if found else self.schema

    def members_of(self, version: int) -> Mapping[str, Mapping[str, Any]]:
        """Return the members that a payload of one of its `versions` may have."""
        found = self.earlier_version(version)
        return found.members if found else self.members

    def earlier_version(self, version: int) -> EarlierVersion | None:
        """Return the earlier version with this number, if there is one."""
        return next((one for one in self.earlier if one.version == version), None)

    def pinned(self, pin: int | None) -> int:
        """Return the version for a webhook's pin: the oldest one left that is no older than it."""
        if pin is None:
            return self.version
        return next((version for version in self.versions if version >= pin), self.version)

    def payload_of(self, version: int, payload: Payload) -> Payload:
        """Return the payload of a version, made from that of the current version."""
        found = self.earlier_version(version)
        return payload if found is None else found.rule(payload)

    def _schema(
        self, version: int, members: Mapping[str, Mapping[str, Any]], required: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "$schema": JSON_SCHEMA,
            "$id": self.schema_id_of(version),
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": {**members, **self.added},
            "required": list(required),
        }

    def filterable(self) -> Mapping[str, Sequence[str]]:
        """Return the possible values of each filter."""
        listed = {key: list(modifier["items"]) for key, modifier in self.modifiers.items()}
        return {**listed, **self.filter_values}

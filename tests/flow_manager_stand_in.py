"""VoIPBIN's flow-manager as far as it reads answers: the action `fetch`, and the actions it brings.

Read from `actionhandler` and `activeflowhandler` of voipbin/monorepo: any answer but a 200 with an
array ends the whole activeflow; an empty array changes nothing; others run before the flow goes on.
An action without an id is taken for the end.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

Action = dict[str, Any]
DIGITS = "voipbin.call.digits"
MOST_ACTIONS = 200
TOLD = {"talk": "text", "play": "stream_urls", "connect": "destinations", "sleep": "duration"}
SILENT = {"answer", "beep", "recording_start", "recording_stop"}


class FlowError(Exception):
    """The activeflow was stopped by an error."""


@dataclass
class Activeflow:
    """One run of a flow: `inputs` are what the caller presses, `told` what the caller gets."""

    session: aiohttp.ClientSession
    inputs: list[str] = field(default_factory=list)
    told: list[tuple[str, Any]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    stacks: list[list[Action]] = field(default_factory=list)

    async def run(self, url: str) -> list[tuple[str, Any]]:
        """Run a flow of one `fetch`; return what the caller got. Raises FlowError."""
        option = {"event_url": url, "event_method": "POST"}
        self.stacks.append([{"id": "first", "type": "fetch", "option": option}])
        for _ in range(MOST_ACTIONS):
            action = self._next()
            if action is None or not action.get("id") or action["type"] in ("hangup", "stop"):
                return self.told
            await self._execute(action["type"], self._filled(action.get("option") or {}))
        raise FlowError("too many actions")

    def _next(self) -> Action | None:
        while self.stacks:
            if self.stacks[-1]:
                return self.stacks[-1].pop(0)
            self.stacks.pop()
        return None

    async def _execute(self, kind: str, option: dict[str, Any]) -> None:
        if kind == "fetch":
            await self._fetch(option["event_url"], option["event_method"])
        elif kind == "variable_set":
            self.variables[option["key"]] = option["value"]
        elif kind == "digits_receive":
            pressed = self.inputs.pop(0) if self.inputs else ""
            self.variables[DIGITS] = self.variables.get(DIGITS, "") + pressed
        elif kind in TOLD:
            self.told.append((kind, option[TOLD[kind]]))
        elif kind not in SILENT:
            raise FlowError(f"no action {kind}")

    async def _fetch(self, url: str, method: str) -> None:
        body = json.dumps({"activeflow_id": "f1", "reference_id": "c1"})
        headers = {"Content-Type": "application/json; charset=utf-8"}
        async with self.session.request(method, url, data=body, headers=headers) as response:
            if response.status != 200:
                raise FlowError(f"status {response.status}")
            actions = json.loads(await response.read())
        if not isinstance(actions, list):
            raise FlowError("not an array")
        self.stacks.append(actions)

    def _filled(self, value: Any) -> Any:
        """Return an option with the values of its `${variables}`; unknown ones are empty."""
        if isinstance(value, str):
            return re.sub(r"\$\{([^}]+)\}", lambda m: self.variables.get(m[1], ""), value)
        if isinstance(value, dict):
            return {name: self._filled(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        return value


def spoken(told: Iterable[tuple[str, Any]]) -> list[str]:
    """Return what was said."""
    return [what for kind, what in told if kind == "talk"]

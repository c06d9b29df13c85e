"""The heartbeat of this worker put together: plain constructor calls."""

import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service import __version__
from service.adapters.mongo.workers import MongoWorkers
from service.management.workers import MOST_CERTIFICATES, Heartbeat
from service.wiring.service import Service


def heartbeat_of(service: Service, number: int | None) -> Heartbeat:
    """Return the heartbeat; `number` is that of a worker among others on this machine."""
    host, pid = socket.gethostname(), os.getpid()
    identity = {
        "host": host,
        "pid": pid,
        "number": number,
        "version": __version__,
        "started_at": datetime.now(UTC),
    }

    async def vitals() -> Mapping[str, Any]:
        return await _vitals(service)

    return Heartbeat(MongoWorkers(service.storage.store), f"{host}:{pid}", identity, vitals)


async def _vitals(service: Service) -> Mapping[str, Any]:
    sender, idle_s = service.sending.sender, service.lanes.events.idle_s()
    expiring = sorted(sender.certificates().items(), key=lambda item: item[1])
    return {
        "checks": {**await service.live(), **await service.ready()},
        "in_flight": sender.in_use,
        "unsettled": sum(lane.unsettled for lane in service.lanes),
        "last_event_at": None if idle_s is None else datetime.now(UTC) - timedelta(seconds=idle_s),
        "certificates": [
            {"host": host, "expires_at": datetime.fromtimestamp(at, UTC)}
            for host, at in expiring[:MOST_CERTIFICATES]
        ],
    }

"""Everything that is started here, and by `make run`, can be reached from this machine alone."""

import asyncio
from pathlib import Path

from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer
from tests.sockets import listening, processes_of
from tests.watch.monitored import Monitored


async def test_every_socket_of_all_that_we_start_is_on_loopback(
    monitored: Monitored, store: MongoServer, directory: Path
) -> None:
    sockets = listening(processes_of(directory))
    broker = monitored.broker
    expected = {
        "mongod": store.port,
        "AMQP": broker.port,
        "RabbitMQ's metrics": broker.metrics_port,
        "Erlang's distribution": int(broker.environment()["RABBITMQ_DIST_PORT"]),
        "epmd": int(broker.environment()["ERL_EPMD_PORT"]),
        "Prometheus": monitored.prometheus.port,
        "API": monitored.service.port,
        "metrics": monitored.service.metrics_port,
    }
    ports = {port for _, port in sockets}
    assert {name for name, port in expected.items() if port not in ports} == set()
    assert {found for found in sockets if not found[0].is_loopback} == set()


async def test_a_control_program_is_on_loopback_while_it_runs(
    broker: RabbitServer, directory: Path
) -> None:
    running = asyncio.create_task(broker.control("eval", "timer:sleep(2000)."))
    seen = set()
    while not running.done():
        seen |= listening(processes_of(directory, program="rabbitmqctl"))
        await asyncio.sleep(0.1)
    await running
    assert seen
    assert {found for found in seen if not found[0].is_loopback} == set()

"""The outside world: RabbitMQ, MongoDB and HTTP. Drivers are imported here and nowhere else."""

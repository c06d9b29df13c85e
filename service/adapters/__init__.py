"""Adapters for RabbitMQ, MongoDB and HTTP: drivers are imported here and nowhere else."""

"""RabbitMQ: consuming, publishing, the service's own queues, and the switch's exchanges."""

"""RabbitMQ: consuming, publishing, our own queues, and the switch's exchanges."""

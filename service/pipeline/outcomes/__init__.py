"""What follows from an attempt: log, metrics, attempt log, disabling."""

"""After an attempt: log, metrics, attempt log, disabling."""

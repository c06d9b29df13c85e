"""May this address be dialled? A verdict with a reason; no driver."""

"""Environment of the measurements: servers, sink, load."""

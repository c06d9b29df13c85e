"""What the measurements need around them: servers, sink, load."""

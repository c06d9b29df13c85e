"""VoIPBIN: events without an id, and requests that equal its own byte for byte."""

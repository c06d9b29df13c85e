"""VoIPBIN's form: an array of actions."""

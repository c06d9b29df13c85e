"""XML forms: VoxML and TwiML."""

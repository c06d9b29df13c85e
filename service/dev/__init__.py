"""Everything on one machine: real servers, a receiver, a call; for newcomers and tests."""

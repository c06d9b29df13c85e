"""From the frames of the broker to messages in the lanes, and back to acknowledgements."""

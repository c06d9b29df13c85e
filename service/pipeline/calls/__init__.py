"""What is known of calls beyond single events: sequence, order, summaries, lost ends."""

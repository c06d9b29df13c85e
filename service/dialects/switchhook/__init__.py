"""Events that the service itself makes of what the switches tell, such as the summary of a call."""

"""What would be sent, and would it match: samples, test requests, explanations."""

"""The service put together: constructor calls, and nothing else."""

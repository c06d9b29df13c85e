"""What holds for any input. The examples are the same in every run."""

from hypothesis import settings

settings.register_profile("stable", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("stable")

import resource
import subprocess
import sys

import pytest

from service.adapters.descriptors import RESERVED, requests_possible

RAISED = """
import resource
from service.adapters.descriptors import raise_descriptor_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
print(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("wanted", "descriptors", "possible"),
    [
        (2000, 1_048_576, 2000),
        (2000, RESERVED + 2000, 2000),
        (2000, RESERVED + 1999, 1999),
        (2000, 1024, 1024 - RESERVED),
        (2000, 256, 2),
    ],
)
def test_as_many_requests_are_possible_as_descriptors_are_left_for(
    wanted: int, descriptors: int, possible: int
) -> None:
    assert requests_possible(wanted, descriptors) == possible


def test_the_limit_of_open_files_is_raised_as_far_as_the_machine_allows() -> None:
    # In a process of its own: the limit is the whole process's.
    said = subprocess.run([sys.executable, "-c", RAISED], check=True, capture_output=True)  # noqa: S603
    told, soft, hard = map(int, said.stdout.split())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert told == soft == hard
    assert told == (1_048_576 if most == resource.RLIM_INFINITY else most)

import resource
import subprocess
import sys

import pytest

from service.adapters.http.descriptors import RESERVED, requests_possible

RAISED = """
import resource
from service.adapters.http.descriptors import raise_descriptor_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
print(raise_descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize("descriptors", [1_048_576, RESERVED + 5000])
def test_where_descriptors_abound_as_many_requests_are_possible_as_are_wanted(
    descriptors: int,
) -> None:
    assert requests_possible(2000, descriptors) == 2000


@pytest.mark.parametrize("descriptors", [1024, RESERVED + 1000, RESERVED + 3999])
def test_where_they_do_not_so_many_requests_are_possible_as_there_are_descriptors_for(
    descriptors: int,
) -> None:
    # Beside each request there may be a connection that is kept alive.
    assert 2 < requests_possible(2000, descriptors) <= (descriptors - RESERVED) / 2


def test_a_few_requests_are_possible_however_few_descriptors_there_are() -> None:
    assert requests_possible(2000, 256) == 64
    assert requests_possible(2000, 5) == 2


def test_the_limit_of_open_files_is_raised_as_far_as_the_machine_allows() -> None:
    # In a process of its own: the limit is the whole process's.
    said = subprocess.run([sys.executable, "-c", RAISED], check=True, capture_output=True)  # noqa: S603
    told, soft, hard = map(int, said.stdout.split())
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert told == soft == hard
    assert told == (1_048_576 if most == resource.RLIM_INFINITY else most)

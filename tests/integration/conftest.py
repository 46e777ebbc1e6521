import pytest
from processes import kill_group, start


@pytest.fixture
def started():
    """Starts programs that are killed after the test, whatever happens in it."""
    processes = []

    def start_one(*args):
        processes.append(start(*args))
        return processes[-1]

    yield start_one
    for process in processes:
        kill_group(process)

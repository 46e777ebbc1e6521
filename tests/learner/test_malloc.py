"""Memory that is freed and taken again."""

import subprocess
import sys

FAULTS = """
import resource, sys
import numpy as np
from seed_matrace.learner.malloc import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()
SIZE = 1 << 26  # more than malloc keeps by itself
np.ones(SIZE, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(SIZE, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_freed_memory_is_kept_for_its_next_use():
    def page_faults(how):
        command = [sys.executable, "-c", FAULTS, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert 10 * page_faults("kept") < page_faults("given back")

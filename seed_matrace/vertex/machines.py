"""What names of Compute Engine's machine types say about their cores."""

from __future__ import annotations

import re

_CORES_PER_GPU = {"a2": 12, "a3": 26, "a4": 28}  # of machine types that are named after their GPUs, as a2-highgpu-2g


def cores(machine_type: str) -> int | None:
    """Virtual cores (hyper-threads) of a machine type; None where its name does not tell."""
    by_gpus = re.fullmatch(r"(a\d)-\w+-(\d+)g(-\w+)?", machine_type)
    if by_gpus:
        return _CORES_PER_GPU.get(by_gpus[1], 0) * int(by_gpus[2]) or None
    by_cores = re.fullmatch(r"[a-z]\w*-[a-z]+-(\d+)(-\w+)?", machine_type)
    return int(by_cores[1]) if by_cores else None

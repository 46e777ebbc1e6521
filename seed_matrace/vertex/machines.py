"""Compute Engine's machine types: the cores that their names tell of, and the accelerators that they come with."""

from __future__ import annotations

import re

_CORES_PER_GPU = {"a2": 12, "a3": 26, "a4": 28}  # of machine types that are named after their GPUs, as a2-highgpu-2g

# Machine types with each accelerator, by how their names begin (cloud.google.com/compute/docs/gpus).
_SERIES = {
    "NVIDIA_TESLA_P4": "n1",
    "NVIDIA_TESLA_P100": "n1",
    "NVIDIA_TESLA_T4": "n1",
    "NVIDIA_TESLA_V100": "n1",
    "NVIDIA_L4": "g2-standard",
    "NVIDIA_TESLA_A100": "a2-highgpu",
    "NVIDIA_A100_80GB": "a2-ultragpu",
    "NVIDIA_H100_80GB": "a3-highgpu",
    "NVIDIA_H100_MEGA_80GB": "a3-megagpu",
    "NVIDIA_H200_141GB": "a3-ultragpu",
    "NVIDIA_B200": "a4-highgpu",
}
_L4_CORES = {1: 16, 2: 24, 4: 48, 8: 96}


def cores(machine_type: str) -> int | None:
    """Virtual cores (hyper-threads) of a machine type; None where its name does not tell."""
    by_gpus = re.fullmatch(r"(a\d)-\w+-(\d+)g(-\w+)?", machine_type)
    if by_gpus:
        return _CORES_PER_GPU.get(by_gpus[1], 0) * int(by_gpus[2]) or None
    by_cores = re.fullmatch(r"[a-z]\w*-[a-z]+-(\d+)(-\w+)?", machine_type)
    return int(by_cores[1]) if by_cores else None


def machine_with(accelerator: str, gpus: int) -> str:
    """A machine type with so many GPUs; ValueError if none is known."""
    series = _SERIES.get(accelerator)
    if series is None or (series == "g2-standard" and gpus not in _L4_CORES):
        raise ValueError(f"no machine type is known that has {gpus} x {accelerator}; known are {', '.join(_SERIES)}")
    if series == "n1":
        return "n1-standard-16"
    return f"g2-standard-{_L4_CORES[gpus]}" if series == "g2-standard" else f"{series}-{gpus}g"


def has_accelerator(machine_type: str, accelerator: str, gpus: int) -> bool:
    """Whether such a machine has so many GPUs, as far as its name tells; True for accelerators that are not known."""
    counted = re.fullmatch(r".+-(\d+)g(-\w+)?", machine_type)
    return accelerator not in _SERIES or (
        machine_type.startswith(f"{_SERIES[accelerator]}-") and (counted is None or int(counted[1]) == gpus)
    )

"""Weights of both networks in one .npz file: what a team has in the place of a run's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.arrays_file import ArraysError, read_arrays, write_arrays
from seed_matrace.learner.checkpoints import CheckpointError
from seed_matrace.learner.run_directory import NETWORKS_FILE

_ENV_STEPS = "env_steps"
_MOST_BYTES, _MOST_ARRAYS = 2**28, 1000
_HALF = np.finfo(np.float16)


def named_variables(network: Any) -> dict[str, Any]:
    """A network's variables by name; of those that share one the second is called "name.2", and so on."""
    named: dict[str, Any] = {}
    for variable in network.variables:
        name, number = variable.name.partition(":")[0], 1
        while (key := name if number == 1 else f"{name}.{number}") in named:
            number += 1
        named[key] = variable
    return named


def write_networks(folder: Path, networks: Mapping[str, Any], env_steps: int) -> None:
    """Writes the file; the critic's matrices in float16, as no action depends on them.

    Args:
      networks: "policy" and "critic".
      env_steps: that they were trained on.
    """
    arrays = {
        f"{network}/{name}": variable.numpy()
        for network, of_it in networks.items()
        for name, variable in named_variables(of_it).items()
    }
    for name, array in arrays.items():
        if name.startswith("critic/") and array.ndim > 1 and np.abs(array).max(initial=0) < _HALF.max:
            arrays[name] = array.astype(np.float16)
    write_arrays(folder / NETWORKS_FILE, {**arrays, _ENV_STEPS: np.int64(env_steps)})


def restore_networks(folder: Path, networks: Mapping[str, Any]) -> int:
    """Gives networks the weights of a team; returns the env steps that it was trained on.

    Raises:
      CheckpointError: the file is damaged, or its arrays are not those of ``networks``.
    """
    path = folder / NETWORKS_FILE
    try:
        arrays = read_arrays(path, most_bytes=_MOST_BYTES, most_arrays=_MOST_ARRAYS)
    except (OSError, ArraysError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    variables = {
        f"{network}/{name}": variable
        for network, of_it in networks.items()
        for name, variable in named_variables(of_it).items()
    }
    if set(arrays) != {*variables, _ENV_STEPS}:
        name = min(set(arrays) ^ {*variables, _ENV_STEPS})
        raise CheckpointError(f"{path} does not fit its configuration: {name!r:.60} is missing or was added")
    for name, variable in variables.items():
        wanted, array = variable.dtype.as_numpy_dtype, arrays[name]
        if array.shape != tuple(variable.shape) or array.dtype not in (wanted, np.float16):
            raise CheckpointError(
                f"{path} does not fit its configuration: {name} is {array.dtype} {array.shape}; "
                f"{np.dtype(wanted)} {tuple(variable.shape)} expected"
            )
        if not np.isfinite(array).all():
            raise CheckpointError(f"{path} is damaged: {name} is not finite")
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype.as_numpy_dtype))
    return int(arrays[_ENV_STEPS])

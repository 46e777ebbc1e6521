"""Shapes and dtypes of everything that crosses a border: the only place they are spelled out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.foreign_files import shown
from seed_matrace.types import (
    FIELD_NAMES,
    REQUIRED_FIELDS,
    EnvOutput,
    EpisodeStats,
    Memory,
    PolicyOutput,
    Unroll,
    UnrollFields,
    flatten,
    unflatten,
)
from seed_matrace.unit_columns import UnitColumns, read_unit_columns

_SIZES = {  # what is taken from a file
    "n_agents": (1, 10_000), "n_actions": (1, 10**6), "obs_dim": (1, 10**7), "state_dim": (1, 2**31),
    "episode_limit": (1, 2**31),
}  # fmt: skip
ALIGNMENT = 64  # bytes: a cache line, and what TensorFlow's kernels abort without in memory that it does not copy


class ArraySpec(NamedTuple):
    """Shape and dtype of one array."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def empty(self) -> np.ndarray:
        """Zeroed, and aligned so that TensorFlow can read it in place."""
        memory = np.zeros(self.nbytes + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + self.nbytes].view(self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class EnvSpec:
    """What a learner must know of an environment before it sees one."""

    n_agents: int
    n_actions: int
    obs_dim: int
    state_dim: int
    episode_limit: int
    with_final: bool = False  # whether steps that end an episode also hold what it showed last
    # Follows from the environment's options, as sizes do; None: it has no units, or they are not known.
    units: UnitColumns | None = field(default=None, compare=False, repr=False)


def sizes_of(spec: EnvSpec) -> dict[str, Any]:
    """The sizes by name, without the units."""
    return {name: value for name, value in vars(spec).items() if name != "units"}


def spec_as_json(spec: EnvSpec) -> dict[str, Any]:
    """What ``read_env_spec`` reads: the sizes, and the units if there are any."""
    return sizes_of(spec) | ({"units": asdict(spec.units)} if spec.units else {})


def read_env_spec(sizes: Any) -> EnvSpec:
    """The spec that ``spec_as_json`` made of one, from a file that somebody else may have written.

    Raises:
      ValueError: names the size that is missing, unknown or cannot be.
    """
    if not isinstance(sizes, dict):
        raise ValueError(f"the environment's sizes are {shown(sizes)}; {', '.join(_SIZES)} expected")
    for name, (least, most) in _SIZES.items():
        value = sizes.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name} is {shown(value)}; {least} to {most} expected")
    if not isinstance(sizes.get("with_final", False), bool):
        raise ValueError(f"with_final is {shown(sizes['with_final'])}; true or false expected")
    unknown = set(sizes) - {*_SIZES, "with_final", "units"}
    if unknown:
        raise ValueError(f"it says {shown(min(unknown))}, which this version does not know")
    if (units := sizes.get("units")) is not None:
        dims = {name: sizes[name] for name in ("n_agents", "n_actions", "obs_dim", "state_dim")}
        units = read_unit_columns(units, **dims)
    return EnvSpec(**{**sizes, "units": units})


def _array(dtype: type, *shape: int) -> ArraySpec:
    return ArraySpec(shape, np.dtype(dtype))


def env_output_spec(spec: EnvSpec, num_envs: int) -> EnvOutput:
    """EnvOutput of ArraySpecs for a group of ``num_envs`` environments."""
    e, n = num_envs, spec.n_agents
    final_obs_dim, final_state_dim = (spec.obs_dim, spec.state_dim) if spec.with_final else (0, 0)
    return EnvOutput(
        obs=_array(np.float32, e, n, spec.obs_dim),
        avail_actions=_array(np.uint8, e, n, spec.n_actions),
        state=_array(np.float32, e, spec.state_dim),
        reward=_array(np.float32, e),
        terminated=_array(np.bool_, e),
        truncated=_array(np.bool_, e),
        final_obs=_array(np.float32, e, n, final_obs_dim),
        final_state=_array(np.float32, e, final_state_dim),
        episode=EpisodeStats(
            episode_return=_array(np.float32, e),
            length=_array(np.int32, e),
            battle_won=_array(np.bool_, e),
            dead_allies=_array(np.int32, e),
            dead_enemies=_array(np.int32, e),
        ),
    )


def policy_output_spec(spec: EnvSpec, num_envs: int) -> PolicyOutput:
    """PolicyOutput of ArraySpecs for ``num_envs`` environments."""
    return PolicyOutput(
        action=_array(np.int32, num_envs, spec.n_agents),
        log_prob=_array(np.float32, num_envs, spec.n_agents),
    )


def unroll_spec(spec: EnvSpec, unroll_length: int, columns: int, fields: UnrollFields = REQUIRED_FIELDS) -> Unroll:
    """Unroll of ArraySpecs: ``unroll_length`` + 1 steps of ``columns`` environments.

    Fields that ``fields`` leaves out have no entries; with ``spec.with_final`` there is the final state
    or the final observations, whichever the critic looks at.
    """
    with_state, with_last_action, units_per_agent, units_per_env = fields
    steps, n = unroll_length + 1, spec.n_agents
    with_final_obs, with_final_state = spec.with_final and not with_state, spec.with_final and with_state
    return Unroll(
        obs=_array(np.float32, steps, columns, n, spec.obs_dim),
        avail_actions=_array(np.uint8, steps, columns, n, spec.n_actions),
        state=_array(np.float32, steps, columns, spec.state_dim if with_state else 0),
        reward=_array(np.float32, steps, columns),
        terminated=_array(np.bool_, steps, columns),
        truncated=_array(np.bool_, steps, columns),
        action=_array(np.int32, steps, columns, n),
        log_prob=_array(np.float32, steps, columns, n),
        policy_version=_array(np.int64, steps, columns),
        last_action=_array(np.int32, steps, columns, n if with_last_action else 0),
        final_obs=_array(np.float32, steps, columns, n, spec.obs_dim if with_final_obs else 0),
        final_state=_array(np.float32, steps, columns, spec.state_dim if with_final_state else 0),
        recurrent=_array(np.float32, 1, columns, n * units_per_agent + units_per_env),
    )


def empty_env_output(spec: EnvSpec, num_envs: int) -> EnvOutput:
    """Zeroed arrays that an environment can write its steps into."""
    return unflatten([array.empty() for array in flatten(env_output_spec(spec, num_envs))])


def check_env_output(out: EnvOutput, spec: EnvSpec, num_envs: int) -> None:
    """Raises ValueError unless an environment of ``spec`` can write its steps into ``out``."""
    for name, array, want in zip(FIELD_NAMES, flatten(out), flatten(env_output_spec(spec, num_envs)), strict=True):
        if array.shape != want.shape or array.dtype != want.dtype:
            raise ValueError(f"out.{name} is {array.dtype} {array.shape}; {want.dtype} {want.shape} expected")
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"out.{name} must be C-contiguous and writeable")


def empty_unroll(spec: EnvSpec, unroll_length: int, columns: int, fields: UnrollFields = REQUIRED_FIELDS) -> Unroll:
    """Zeroed arrays for one unroll."""
    return Unroll(*(array.empty() for array in unroll_spec(spec, unroll_length, columns, fields)))


def empty_memory(spec: EnvSpec, num_envs: int, fields: UnrollFields = REQUIRED_FIELDS) -> Memory:
    """What there is to remember of ``num_envs`` environments, nothing yet."""
    unroll = unroll_spec(spec, 1, num_envs, fields)
    specs = (ArraySpec(array.shape[1:], array.dtype) for array in (unroll.last_action, unroll.recurrent))
    memory = Memory(*(array.empty() for array in specs))
    memory.forget(np.ones(num_envs, np.bool_))
    return memory

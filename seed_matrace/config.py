"""Everything that can be configured, as frozen dataclasses that gin files fill.

The defaults here are the published settings of MA-Trace wherever the paper or its code states one.
Each class is known to gin by a short name: ``LossConfig.discount`` is ``loss.discount`` in a gin file.
Options of the machine are marked so (``machine=True``); all others are science, or what is kept and when a run ends.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.backends import BACKENDS, backend_of, check_options
from seed_matrace.fields import FieldError, check_fields
from seed_matrace.fields import option as _option
from seed_matrace.gin_bindings import Bindings, Bound, arguments_of, options_of, with_file_beside, with_source, written
from seed_matrace.gin_files import ConfigError
from seed_matrace.registered import BUILT_IN, KINDS, Entry, Registry, RegistryError
from seed_matrace.starcraft2.options import StarCraft2Options
from seed_matrace.types import UnrollFields

_LONGEST_S = 1e7  # four months; waits for much longer overflow


class _Checked:
    """Checks types and ranges of a dataclass's fields once they are set."""

    def __post_init__(self) -> None:
        section = _SECTION_OF[type(self)]
        try:
            check_fields(self, lambda name: f"{section}.{name}")
        except FieldError as error:
            raise ConfigError(str(error)) from None


@dataclass(frozen=True)
class EnvConfig(_Checked, EnvOptions):
    """What is played, and SMAC's options of it by their own names: ``env.obs_last_action`` and so on."""

    backend: str = _option("skirmish", "what plays the battles", choices=BACKENDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.check_together()
            self.check_arguments()
            check_options(self)
        except FieldError as error:
            raise ConfigError(f"env.{error}") from None

    @property
    def scenario(self) -> Path | None:
        """The scenario file that is played; None: a map that the program knows by its name."""
        is_file = backend_of(self).plays_scenarios and self.map_name.endswith(".json")
        return Path(self.map_name) if is_file else None

    @property
    def title(self) -> str:
        """What runs, results and pictures call the map: a scenario file by its stem."""
        return self.scenario.stem if self.scenario else self.map_name


@dataclass(frozen=True)
class NetworkConfig(_Checked):
    policy: str = _option("mlp", "which policy, by the name that it is registered by")
    critic: str = _option("mlp", "which critic, likewise")
    policy_layers: tuple[int, ...] = _option((64, 64), "hidden layers of the policy", low=1, high=1 << 16)
    critic_layers: tuple[int, ...] = _option((64, 64), "hidden layers of the critic", low=1, high=1 << 16)
    critic_input: str = _option(
        "joint_obs",
        "what the critic sees; own_obs and joint_obs_and_actions: one value per agent",
        choices=("joint_obs", "state", "own_obs", "joint_obs_and_actions"),
    )
    embedding_dim: int = _option(32, "'units': numbers that the row of a unit is turned into", low=1, high=1 << 16)
    policy_gru_units: int = _option(0, "units of a GRU after the policy's hidden layers; 0: none", low=0, high=1 << 16)
    critic_gru_units: int = _option(0, "units of a GRU after the critic's hidden layers; 0: none", low=0, high=1 << 16)
    share_policy: bool = _option(True, "one policy network for all agents, or one for each")
    agent_id: bool = _option(False, "networks of one agent also see its number, one-hot")
    last_action: bool = _option(False, "networks of one agent also see its previous action, one-hot")
    layer_norm: bool = _option(False, "normalises the units of each hidden layer before its ReLU")
    dtype: str = _option("float32", "what hidden layers multiply in", choices=("float32", "bfloat16"))
    normalise_obs: bool = _option(False, "normalises what networks see by its running mean and standard deviation")
    normalise_values: bool = _option(False, "the critic predicts in units of the value targets' standard deviation")

    @property
    def one_value_per_agent(self) -> bool:
        """Whether critics are decentralised."""
        return self.critic_input in ("own_obs", "joint_obs_and_actions")

    @property
    def unroll_fields(self) -> UnrollFields:
        """Which optional fields of an unroll training needs."""
        return UnrollFields(
            with_state=self.critic_input == "state",
            with_last_action=self.last_action or self.critic_input == "joint_obs_and_actions",
            units_per_agent=self.policy_gru_units + self.critic_gru_units * self.one_value_per_agent,
            units_per_env=self.critic_gru_units * (not self.one_value_per_agent),
        )


@dataclass(frozen=True)
class LossConfig(_Checked):
    function: str = _option("ma_trace", "which loss, by the name that it is registered by")
    reward: str = _option("environment", "what is learnt from: the environment's rewards, or a registered function's")
    discount: float = _option(0.99, "gamma", low=0.0, high=1.0)
    lambda_: float = _option(1.0, "mixes n-step targets, multiplies c", low=0.0, high=1.0)
    clip_rho_threshold: float = _option(1.0, "rho-bar, eq. 2 of MA-Trace", above=0.0)
    clip_c_threshold: float = _option(1.0, "c-bar, eq. 2 of MA-Trace", low=0.0)
    clip_pg_rho_threshold: float = _option(1.0, "clips the ratio in the policy gradient", above=0.0)
    importance_weights: str = _option(
        "joint",
        "off-policy correction: ratio of the joint action, or of each agent's own; none is the ablation",
        choices=("joint", "per_agent", "none"),
    )
    policy_ratios: str = _option(
        "as_targets",
        "what weighs the policy gradient of a central critic: the ratio of its targets, or of each agent's own action",
        choices=("as_targets", "per_agent"),
    )
    clip_ratio: float = _option(
        0.0, "the policy gradient stops where a ratio has moved on by this fraction (PPO's epsilon); 0 is off", low=0.0
    )
    normalise_advantages: bool = _option(False, "advantages are measured in their standard deviation in the batch")
    mean_value: bool = _option(False, "one value per agent: all agents' targets start from the mean of their values")
    bootstrap_time_limit: bool = _option(
        False, "returns go on behind the time limit with the value of what was seen last; SMAC ends them"
    )
    max_abs_reward: float = _option(0.0, "clips rewards to +- this; 0 is off", low=0.0)
    baseline_cost: float = _option(0.5, "weight of the value loss", low=0.0)
    kl_cost: float = _option(0.0, "weight of the divergence from the behaviour policy; 0 is off", low=0.0)
    target_entropy: float = _option(1e-5, "the entropy cost is trained towards this joint entropy (nats)", low=0.0)
    entropy_cost: float = _option(1.0, "entropy cost at the start", low=1e-8, high=1e8)
    entropy_cost_speed: float = _option(
        10.0, "schedule 'trained': how fast the entropy cost adapts; 0 keeps it fixed", low=0.0
    )
    entropy_schedule: str = _option(
        "trained",
        "what moves the entropy cost: the optimizer, the env steps, or how far entropies are from a target",
        choices=("trained", "env_steps", "target"),
    )
    entropy_floor: float = _option(0.003, "schedules but 'trained': the least entropy cost", low=1e-8, high=1e8)
    entropy_ceiling: float = _option(1.0, "schedule 'target': the largest entropy cost", low=1e-8, high=1e8)
    entropy_env_steps: int = _option(
        1_000_000, "schedule 'env_steps': when the floor is reached; 'target': how slowly it adapts", low=1
    )
    target_entropy_fraction: float = _option(
        0.1, "schedule 'target': an agent's entropy over the largest it could have", low=0.0, high=1.0
    )


@dataclass(frozen=True)
class OptimizerConfig(_Checked):
    learning_rate: float = _option(1e-3, "Adam's step size", low=0.0)
    epsilon: float = _option(1e-7, "Adam's epsilon", above=0.0)
    warmup_steps: int = _option(0, "learner steps over which the step size rises to learning_rate", low=0)
    decay_env_steps: int = _option(0, "env steps over which it falls to decay_to x learning_rate; 0 is off", low=0)
    decay_to: float = _option(0.0, "fraction of learning_rate that is left in the end", low=0.0, high=1.0)
    clip_norm: float = _option(0.0, "clips the global gradient norm; 0 is off", low=0.0)
    clip_apart: bool = _option(False, "clips the norms of policy and critic each by itself")


@dataclass(frozen=True)
class LearnerConfig(_Checked):
    batch_size: int = _option(32, "unroll columns of one learner step (B)", low=1)
    unroll_length: int = _option(100, "env steps of one unroll (T)", low=1)
    updates_per_batch: int = _option(
        1, "learner steps on each batch; V-trace corrects for the policy that the earlier ones moved", low=1, high=64
    )
    max_kl: float = _option(
        0.0,
        "nats per agent from the behaviour policy beyond which a batch gets no further learner step; 0 is off",
        low=0.0,
    )
    replay_buffer: int = _option(
        0, "newest unroll columns that are kept to be trained on again; 0 keeps none", low=0, high=1 << 20
    )
    replay_fraction: float = _option(
        0.5, "fraction of each batch's columns that comes from the replay buffer, if there is one", above=0.0, high=0.99
    )
    replay_order: str = _option(
        "uniform", "which of the kept columns a batch gets: any alike, or the newest", choices=("uniform", "newest")
    )
    policy_lag: int = _option(
        0, "acts with weights so many learner steps old, to measure what lag does", low=0, high=10_000
    )
    queued_unrolls: int = _option(1, "full unrolls that may wait per group before it has to", low=1)
    strategy: str = _option(
        "auto",
        "where training runs; auto takes what it finds",
        choices=("auto", "one_device", "mirrored", "tpu", "multi_worker"),
        machine=True,
    )
    replicas: int = _option(
        0, "devices that train on a part of each batch; 0 takes all that divide it", low=0, machine=True
    )
    intra_op_threads: int = _option(
        0,
        "TensorFlow threads inside one operation; 0 takes the cores that acting leaves free",
        low=0,
        high=1024,
        machine=True,
    )
    inter_op_threads: int = _option(
        2, "TensorFlow threads across operations; 0 lets TensorFlow choose", low=0, high=1024, machine=True
    )

    @property
    def fresh_columns(self) -> int:
        """Columns of a batch that were never trained on before."""
        return self.batch_size - (int(self.batch_size * self.replay_fraction) if self.replay_buffer else 0)

    @property
    def env_steps_per_batch(self) -> int:
        return self.fresh_columns * self.unroll_length


@dataclass(frozen=True)
class InferenceConfig(_Checked):
    max_wait_ms: float = _option(
        0.0, "how long a ready group waits for others to join its batch", low=0.0, high=60_000, machine=True
    )
    actor_timeout_s: float = _option(
        300.0,
        "an actor that owes a step for so long is cut off; 0 waits for ever",
        low=0.0,
        high=_LONGEST_S,
        machine=True,
    )


@dataclass(frozen=True)
class ActorConfig(_Checked):
    groups_per_actor: int = _option(
        0,
        "groups an actor alternates between, at least; 0: one if all cores of its machine have actors, else two",
        low=0,
        machine=True,
    )


@dataclass(frozen=True)
class StarCraft2Config(_Checked, StarCraft2Options):
    """How games of the real StarCraft II are watched over; nothing of it changes what is learnt."""


@dataclass(frozen=True)
class EvaluationConfig(_Checked):
    every_fraction: float = _option(0.02, "evaluate each time this fraction of the budget is used", low=1e-4, high=1.0)
    every_env_steps: int = _option(0, "evaluate every so many env steps instead; 0 goes by every_fraction", low=0)
    episodes: int = _option(32, "episodes of one evaluation", low=1, high=1_000_000)
    replays: bool = _option(
        True, "the simulator: keep replays of evaluations' first battles, the best's too", may_change=True
    )
    absolute_episodes: int | None = _option(
        None,
        "at the end, episodes to play with the best weights; None: ten times evaluation.episodes, 0: none",
        low=0,
        high=1_000_000,
        may_change=True,
    )

    @property
    def episodes_at_the_end(self) -> int:
        """Of the absolute metric."""
        return 10 * self.episodes if self.absolute_episodes is None else self.absolute_episodes


@dataclass(frozen=True)
class RunConfig(_Checked):
    total_env_steps: int = _option(10_000_000, "budget: env steps to train on", low=1, may_change=True)
    num_envs: int = _option(128, "environments together; decides the policy lag", low=1)
    report_fraction: float = _option(
        0.005, "write metrics each time this fraction of the budget is used", low=1e-5, high=1.0
    )
    checkpoint_fraction: float = _option(
        0.02, "checkpoint each time this fraction of the budget is used", low=1e-4, high=1.0
    )
    keep_checkpoints: int = _option(2, "newest checkpoints to keep, besides the best", low=1, may_change=True)
    stop_win_rate: float = _option(
        0.0, "stop early at this evaluation win rate; 0 never does", low=0.0, high=1.0, may_change=True
    )
    stop_loss: float = _option(
        1e12, "stop with an error at a loss beyond this: training has exploded", above=0.0, may_change=True
    )
    stop_episodes: int = _option(96, "newest evaluation episodes that stop_win_rate looks at", low=1, may_change=True)


@dataclass(frozen=True)
class TopologyConfig(_Checked):
    """On how much machine a run is; nothing of it says what is learnt. ``training.topology`` makes a plan of it."""

    num_actors: int | None = _option(None, "actor processes in all, unless --num_actors says so", low=1, machine=True)
    actors_per_host: int = _option(16, "actor processes of one actor host, at most", low=1, machine=True)
    cpus_per_actor: float = _option(1.0, "cores that are reserved for an actor process", low=0.1, machine=True)
    learner_cpus: float = _option(2.0, "cores that are reserved for the learner", low=0.1, machine=True)
    learner_gpus: int | None = _option(
        None, "GPUs that are reserved for it; None: one if there is any", low=0, machine=True
    )
    learner_port: int = _option(
        0, "where it listens for actors on other hosts; 0: any port", low=0, high=65535, machine=True
    )


@dataclass(frozen=True)
class Config:
    """The whole configuration of a run."""

    env: EnvConfig
    network: NetworkConfig
    loss: LossConfig
    optimizer: OptimizerConfig
    learner: LearnerConfig
    inference: InferenceConfig
    actor: ActorConfig
    starcraft2: StarCraft2Config
    evaluation: EvaluationConfig
    run: RunConfig
    topology: TopologyConfig
    registry: Registry = BUILT_IN  # what policies, critics and losses there are
    registered: Mapping[str, Any] = field(default_factory=dict)  # options of their own by their names; else defaults

    def __post_init__(self) -> None:
        """Checks what options of several sections mean together."""
        defaults = {name: kind() for name, kind in self.registry.sections.items()}
        object.__setattr__(self, "registered", defaults | dict(self.registered))
        for kind in KINDS:
            self.entry(kind)
        if self.loss.bootstrap_time_limit and self.network.critic_gru_units:
            raise ConfigError(
                "loss.bootstrap_time_limit = True needs a critic without memory (network.critic_gru_units = 0): what "
                "an episode showed last stands beside the steps of an unroll, where a recurrent critic does not come by"
            )
        longest_s = self.starcraft2.launch_timeout_s + self.starcraft2.step_timeout_s
        if backend_of(self.env).plays_elsewhere and 0 < self.inference.actor_timeout_s <= longest_s:
            raise ConfigError(
                f"inference.actor_timeout_s = {self.inference.actor_timeout_s:g} would cut actors off whose game is "
                f"only launched anew: more than starcraft2.launch_timeout_s + step_timeout_s = {longest_s:g} expected, "
                "or 0"
            )
        self._check_learner_steps()
        if not self.network.one_value_per_agent:
            wanted = {
                "loss.importance_weights = 'per_agent'": self.loss.importance_weights == "per_agent",
                "loss.mean_value = True": self.loss.mean_value,
            }
            for binding in (binding for binding, is_wanted in wanted.items() if is_wanted):
                raise ConfigError(
                    f"{binding} needs one value per agent (network.critic_input = 'own_obs' or "
                    "'joint_obs_and_actions'): what a central critic predicts depends on the joint action, and so does "
                    "its ratio"
                )

    def entry(self, kind: str) -> Entry:
        """What is chosen of a kind of ``KINDS``."""
        try:
            return self.registry.find(kind, _chosen(self)[kind])
        except RegistryError as error:
            raise ConfigError(str(error)) from None

    def options_of(self, kind: str) -> Any:
        """The options of what is chosen, an instance of its dataclass; None if it has none."""
        entry = self.entry(kind)
        return self.registered[entry.name] if entry.options else None

    def _check_learner_steps(self) -> None:
        learner, loss = self.learner, self.loss
        if learner.replay_buffer and learner.fresh_columns == learner.batch_size:
            raise ConfigError(
                f"learner.replay_fraction = {learner.replay_fraction:g} of learner.batch_size = {learner.batch_size} "
                f"is less than one column; {1 / learner.batch_size:g} or more expected, or learner.replay_buffer = 0"
            )
        if loss.entropy_schedule == "trained":
            return
        if loss.entropy_cost < loss.entropy_floor:
            raise ConfigError(
                f"loss.entropy_cost = {loss.entropy_cost:g}, where loss.entropy_schedule = {loss.entropy_schedule!r} "
                f"begins, is below loss.entropy_floor = {loss.entropy_floor:g}"
            )
        if loss.entropy_schedule == "target" and loss.entropy_cost > loss.entropy_ceiling:
            raise ConfigError(
                f"loss.entropy_cost = {loss.entropy_cost:g}, where loss.entropy_schedule = 'target' begins, is above "
                f"loss.entropy_ceiling = {loss.entropy_ceiling:g}"
            )


def _chosen(config: Config) -> dict[str, str]:
    network, loss = config.network, config.loss
    return {"policy": network.policy, "critic": network.critic, "loss": loss.function, "reward": loss.reward}


_NO_SECTIONS = {"registry", "registered"}
SECTIONS: dict[str, type] = {
    name: kind for name, kind in typing.get_type_hints(Config).items() if name not in _NO_SECTIONS
}
OPTIONS = options_of({**SECTIONS, **BUILT_IN.sections})
MACHINE = frozenset(name for name, item in OPTIONS.items() if item.metadata.get("machine"))
_SECTION_OF = {kind: name for name, kind in SECTIONS.items()}


def load_config(
    gin_files: Sequence[str | Path] = (),
    gin_params: Sequence[str] = (),
    *,
    imports: bool = True,
    registry: Registry = BUILT_IN,
) -> tuple[Config, str, str]:
    """Loads base.gin, then ``gin_files`` in order, then the ``gin_params`` bindings.

    Gin's global configuration is neither read nor changed. A scenario file that a gin file names lies beside that, or
    else in the working folder.

    Args:
      gin_files: paths; one that does not exist is looked up among the program's own, as "maps/3m.gin".
      gin_params: bindings such as "loss.discount=0.98".
      imports: whether a "import my_module" among ``gin_params`` imports that module; files never import.
      registry: what policies, critics and losses there are; their options are sections of their names.

    Returns:
      The configuration, its bindings as given (config.gin) and with every default (operative_config.gin).

    Raises:
      ConfigError: an unknown file or name, or a value of the wrong type or out of range.
    """
    bindings = Bindings(options_of(_sections(registry)), more=registry.open)
    for path in ("base.gin", *gin_files):
        bindings.add_file(path)
    for text in gin_params:
        bindings.add_param(text, imports=imports)
    bound = bindings.resolved()
    if "env.map_name" in bound and str(bound["env.map_name"].value).endswith(".json"):
        bound["env.map_name"] = with_file_beside(bound["env.map_name"])
    try:
        sections = {name: kind(**arguments_of(name, bound)) for name, kind in SECTIONS.items()}
        registered = {name: _registered(name, kind, bound) for name, kind in registry.sections.items()}
        registered |= _unknown(bound, {*sections, *registered})
        config = Config(**sections, registry=registry, registered=registered)
    except ConfigError as error:
        raise with_source(error, bound) from None
    operative = options(config)
    given = {name: operative[name] for name in bound}
    return config, written(given, MACHINE), written(operative, MACHINE)


def _sections(registry: Registry) -> dict[str, type]:
    """All sections of options, those of registered names among them."""
    own = registry.sections
    for name in own.keys() & SECTIONS.keys():
        raise ConfigError(f"{name} is the name of a section of options already; register by another name")
    return {**SECTIONS, **own}


def _registered(section: str, kind: type, bound: Mapping[str, Bound]) -> Any:
    """The options of a registered name, as they are bound; a dataclass may refuse them itself."""
    try:
        given = kind(**arguments_of(section, bound))
        check_fields(given, lambda name: f"{section}.{name}")
        return given
    except FieldError as error:
        raise ConfigError(str(error)) from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"the options of {section} are refused: {error}") from None


def _unknown(bound: Mapping[str, Bound], known: Collection[str]) -> dict[str, Any]:
    """Options of names that are not registered here, as they are bound: those of an open registry."""
    sections = {name.partition(".")[0] for name in bound} - {*known}
    given = {section: arguments_of(section, bound) for section in sections}
    return {
        section: dataclasses.make_dataclass(section, options, frozen=True)(**options)
        for section, options in given.items()
    }


def bound_options(gin_params: Sequence[str], registry: Registry = BUILT_IN) -> list[str]:
    """The options that ``gin_params`` bind, their includes too; ConfigError as of ``load_config``."""
    bindings = Bindings(options_of(_sections(registry)), more=registry.open)
    for text in gin_params:
        bindings.add_param(text)
    return list(bindings.resolved())


def options(config: Config) -> dict[str, Any]:
    """The value of every option by its gin name, as "loss.discount"; of registered names too."""
    sections = {name: getattr(config, name) for name in SECTIONS} | dict(config.registered)
    return {
        f"{section}.{item.name}": getattr(holder, item.name)
        for section, holder in sections.items()
        for item in dataclasses.fields(holder)
    }


def defaults_of(config: Config) -> dict[str, Any]:
    """The default of every option of ``options``."""
    return {name: item.default for name, item in options_of(_sections(config.registry)).items()}


def decides_learning(option: str) -> bool:
    """Whether an option may not change when a run is resumed, as "loss.discount"."""
    return option not in OPTIONS or not OPTIONS[option].metadata.get("may_change", False)

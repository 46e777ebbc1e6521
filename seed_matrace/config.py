"""The configuration of a run, filled by gin files: ``LossConfig.discount`` is ``loss.discount`` in a gin file.

Options of the machine are marked so (``machine=True``); all others are science, or what is kept and when a run ends.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seed_matrace.envs.backends import backend_of
from seed_matrace.fields import FieldError, check_fields
from seed_matrace.gin_bindings import Bindings, Bound, arguments_of, options_of, with_file_beside, with_source, written
from seed_matrace.gin_files import ConfigError
from seed_matrace.registered import BUILT_IN, KINDS, Entry, Registry, RegistryError
from seed_matrace.sections.env import EnvConfig, StarCraft2Config
from seed_matrace.sections.learner import ActorConfig, InferenceConfig, LearnerConfig
from seed_matrace.sections.loss import LossConfig, OptimizerConfig
from seed_matrace.sections.network import NetworkConfig
from seed_matrace.sections.run import EvaluationConfig, RunConfig, TopologyConfig


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
        if learner.minibatches > learner.batch_size > 1:
            raise ConfigError(
                f"learner.minibatches = {learner.minibatches} is more than learner.batch_size = {learner.batch_size} "
                "columns; as many or fewer expected"
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


def load_config(
    gin_files: Sequence[str | Path] = (),
    gin_params: Sequence[str] = (),
    *,
    imports: bool = True,
    includes: bool = True,
    base: bool = True,
    registry: Registry = BUILT_IN,
) -> tuple[Config, str, str]:
    """Loads base.gin, then ``gin_files`` in order, then the ``gin_params`` bindings.

    Gin's global configuration is neither read nor changed. A scenario file that a gin file names lies beside that, or
    else in the working folder.

    Args:
      gin_files: paths; one that does not exist is looked up among the program's own, as "maps/3m.gin".
      gin_params: bindings such as "loss.discount=0.98".
      imports: whether a "import my_module" among ``gin_params`` imports that module; files never import.
      includes: whether ``gin_files`` may include others.
      base: whether to begin with base.gin, or with the options' own defaults.
      registry: what policies, critics and losses there are; their options are sections of their names.

    Returns:
      The configuration, its bindings as given (config.gin) and with every default (operative_config.gin).

    Raises:
      ConfigError: an unknown file or name, or a value of the wrong type or out of range.
    """
    bindings = Bindings(options_of(_sections(registry)), more=registry.open)
    for path in ["base.gin", *gin_files] if base else gin_files:
        bindings.add_file(path, includes=includes)
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


def bound_options(
    gin_params: Sequence[str], registry: Registry = BUILT_IN, *, gin_files: Sequence[str] = ()
) -> list[str]:
    """The options that files and ``gin_params`` bind, their includes too; ConfigError as of ``load_config``."""
    bindings = Bindings(options_of(_sections(registry)), more=registry.open)
    for path in gin_files:
        bindings.add_file(path)
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

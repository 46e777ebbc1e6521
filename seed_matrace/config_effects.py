"""What of a configuration does nothing, or hardly what was meant: said once before a run, which goes on."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from seed_matrace.config import MACHINE, OPTIONS, Config, defaults_of, load_config, options
from seed_matrace.envs.backends import backend_of
from seed_matrace.registered import KINDS
from seed_matrace.smac_options import STARCRAFT2_VERSION

_REWARDS = {"env.reward_negative_scale", "env.reward_only_positive", "env.reward_defeat"}
_SCALED = {"env.reward_death_value", "env.reward_win"}  # the most a battle can give is made of them
_STATE = {"env.obs_instead_of_state", "env.state_last_action", "env.state_timestep_number"}
_OF_THE_GAME = {"env.window_size_x", "env.window_size_y", "env.debug", "env.difficulty"}
_OF_A_PERSON = {"env.replay_dir", "env.replay_prefix", "env.continuing_episode"}  # who steps an environment by hand
_OURS = "ma_trace"  # another loss may look at any of its options
_THRESHOLDS = ("loss.clip_rho_threshold", "loss.clip_c_threshold", "loss.clip_pg_rho_threshold")
_ENTROPY_OF = {  # what each schedule of the entropy cost looks at, besides where it begins
    "trained": {"loss.entropy_cost_speed", "loss.target_entropy"},
    "env_steps": {"loss.entropy_floor", "loss.entropy_env_steps"},
    "target": {
        *("loss.entropy_floor", "loss.entropy_ceiling", "loss.entropy_env_steps", "loss.target_entropy_fraction"),
    },
}
_ENTROPY = set().union(*_ENTROPY_OF.values())
_TOPOLOGY = {name for name in OPTIONS if name.startswith("topology.")}
_OF_ACTORS = {name for name in OPTIONS if name.startswith(("inference.", "actor."))} | {"learner.queued_unrolls"}
_OF_THE_LAG = {"topology.num_actors", "actor.groups_per_actor", "inference.max_wait_ms"}  # though of the machine
_REWARD = (1e-3, 1e4, "episodes of SMAC's are worth 20 in all")
_CLIPS = (1e-2, math.inf, "nearly nothing of what was played is learnt from")
_CORES = (0.1, 1024, "no machine has so many")
_USUAL: dict[str, tuple[float, float, str]] = {  # from, to, and what lies beyond
    "loss.discount": (0.1, 1, "rewards to come hardly count"),
    "loss.clip_rho_threshold": _CLIPS,
    "loss.clip_c_threshold": _CLIPS,
    "loss.clip_pg_rho_threshold": _CLIPS,
    "loss.max_abs_reward": (1e-2, 1e4, "rewards are cut to next to nothing, or never"),
    "loss.baseline_cost": (1e-4, 100, "the critic or the policy is hardly trained beside the other"),
    "loss.kl_cost": (1e-6, 100, "it does next to nothing, or the policy stays as it is"),
    "loss.target_entropy": (0, 1e3, "no team's policy has so much"),
    "loss.entropy_cost": (1e-7, 100, "it does next to nothing, or the policy stays random"),
    "loss.entropy_cost_speed": (1e-4, 1e3, "the entropy cost stays as it is, or leaps"),
    "optimizer.learning_rate": (1e-7, 0.1, "weights stay as they are, or leap"),
    "optimizer.epsilon": (1e-16, 1, "it rounds to nothing, or weights stay as they are"),
    "optimizer.clip_norm": (1e-4, 1e6, "weights stay as they are, or nothing is clipped"),
    "inference.max_wait_ms": (0, 1000, "actors do nothing but wait"),
    "inference.actor_timeout_s": (0.1, math.inf, "actors at work are cut off"),
    "run.stop_loss": (10, math.inf, "healthy runs have such losses"),
    "env.reward_death_value": _REWARD,
    "env.reward_win": _REWARD,
    "env.reward_defeat": _REWARD,
    "env.reward_negative_scale": _REWARD,
    "env.reward_scale_rate": _REWARD,
    "topology.cpus_per_actor": _CORES,
    "topology.learner_cpus": _CORES,
}


def warnings_of(config: Config, num_actors: int | None = None, *, here: bool = False) -> list[str]:
    """One sentence for each thing that may not be meant; options that nobody set to another value are no such thing.

    Args:
      num_actors: of the run; None: not known.
      here: whether they are started on this machine.
    """
    values, base, defaults = options(config), _base(), defaults_of(config)
    told = []
    without_effect = [*_without_effect(config), *_without_actors(config, num_actors, here)]
    for names, why in without_effect:
        chosen = [name for name in names if values[name] not in (defaults[name], base.get(name, defaults[name]))]
        if chosen:
            said = ", ".join(f"{name} = {values[name]!r}" for name in sorted(chosen))
            told.append(f"{said} does nothing in this run: {why}")
    idle = {name for names, _ in without_effect for name in names}
    return [*told, *_unusual({name: value for name, value in values.items() if name not in idle}), *_doubts(config)]


def effective(config: Config, num_actors: int | None = None) -> dict[str, Any]:
    """What the options do to what is learnt, by name: runs of one seed that agree in all of it are the same run.

    Args:
      num_actors: as the command says that begins the run, whatever ``topology.num_actors`` is; None: not known.
    """
    env, optimizer = config.env, config.optimizer
    without_effect = [*_without_effect(config), *_without_actors(config, num_actors, here=True)]
    idle = {name for names, _ in without_effect for name in names} | {"evaluation.every_fraction"}
    idle |= MACHINE - _OF_THE_LAG
    if num_actors is not None:
        idle.add("topology.num_actors")
    idle |= {f"env.{name}" for name in backend_of(env).idle_options}
    if optimizer.decay_to == 1:
        idle.add("optimizer.decay_to")
    meant = {
        "env.step_mul": env.loops_per_step,
        "env.arguments": env.arguments or {},
        "env.game_version": env.game_version or STARCRAFT2_VERSION,
        "evaluation.every_env_steps": _evaluated_every(config),
        "evaluation.absolute_episodes": config.evaluation.episodes_at_the_end,
    }
    if optimizer.decay_to == 1:
        meant["optimizer.decay_env_steps"] = 0
    if (scenario := env.scenario) is not None:
        meant["env.map_name"] = json.loads(scenario.read_bytes())
    return {name: value for name, value in (options(config) | meant).items() if name not in idle}


@functools.cache
def _base() -> dict[str, Any]:
    return options(load_config()[0])


def _without_effect(config: Config) -> Iterator[tuple[set[str], str]]:
    """Options that change nothing, whatever they are set to, with the reason."""
    env, loss = config.env, config.loss
    yield _OF_THE_GAME, "SMAC has it, and neither the simulator nor the games that are trained on use it"
    yield _OF_A_PERSON, "it is for environments that are stepped by hand"
    backend = backend_of(env)
    if not backend.plays_elsewhere:
        of_games = {name for name in OPTIONS if name.startswith("starcraft2.")}
        yield {"env.game_version", *of_games}, f"env.backend = {env.backend!r} plays no StarCraft II"
    if not backend.can_record:
        yield {"evaluation.replays"}, f"env.backend = {env.backend!r} leaves no replays"
    idle = {f"env.{name}" for name in backend.idle_options}
    yield idle - _OF_THE_GAME - _OF_A_PERSON - {"env.map_name"}, backend.idle_reason  # any gin file of a map sets that
    if config.network.critic_input != "state":
        yield _STATE, f"network.critic_input = {config.network.critic_input!r} sees no state"
    elif env.obs_instead_of_state:
        yield _STATE - {"env.obs_instead_of_state"}, "env.obs_instead_of_state = True: the state is all observations"
    if not env.heuristic_ai:
        yield {"env.heuristic_rest"}, "env.heuristic_ai = False"
    if env.obs_all_health:
        yield {"env.obs_own_health"}, "env.obs_all_health = True shows it anyhow"
    if env.reward_sparse:
        idle = _REWARDS if env.reward_scale else _REWARDS | _SCALED
        yield idle, "env.reward_sparse = True pays for nothing but the outcome"
    elif env.reward_only_positive:
        yield {"env.reward_negative_scale"}, "env.reward_only_positive = True: own losses do not count"
    if not env.reward_scale:
        yield {"env.reward_scale_rate"}, "env.reward_scale = False"
    if loss.importance_weights == "none":
        above = {name for name in _THRESHOLDS if options(config)[name] >= 1}
        yield above, "loss.importance_weights = 'none' takes every ratio for 1"
        if loss.function == _OURS:
            of_gradient = {"loss.policy_ratios", "loss.clip_ratio", "learner.proximal_age"}
            yield of_gradient, "loss.importance_weights = 'none' takes every ratio for 1"
    yield from _without_effect_on_steps(config)
    chosen = {config.entry(kind).name for kind in KINDS} | {hook.name for hook in config.registry.hooks}
    for section, holder in config.registered.items():
        if section not in chosen:
            names = {f"{section}.{item.name}" for item in dataclasses.fields(holder)}
            yield names, f"no network or loss is {section!r}"
    if config.evaluation.every_env_steps:
        yield {"evaluation.every_fraction"}, f"evaluation.every_env_steps = {config.evaluation.every_env_steps} decides"
    if not config.run.stop_win_rate:
        yield {"run.stop_episodes"}, "run.stop_win_rate = 0 never stops early"
    if why := backend.nobody_wins(env):
        yield {"run.stop_win_rate", "run.stop_episodes"}, why


def _without_effect_on_steps(config: Config) -> Iterator[tuple[set[str], str]]:
    """The same of how learner steps are done."""
    loss, learner, optimizer = config.loss, config.learner, config.optimizer
    schedule = f"loss.entropy_schedule = {loss.entropy_schedule!r}"
    yield _ENTROPY - _ENTROPY_OF[loss.entropy_schedule], f"{schedule} does not look at it"
    if loss.entropy_schedule == "trained" and not loss.entropy_cost_speed:
        yield {"loss.target_entropy"}, "loss.entropy_cost_speed = 0 keeps the entropy cost fixed"
    if loss.function == _OURS:
        if config.network.one_value_per_agent:
            yield {"loss.policy_ratios"}, "with one value per agent loss.importance_weights says whose ratios count"
        if learner.proximal_age and not loss.clip_ratio:
            yield {"learner.proximal_age"}, "loss.clip_ratio = 0 clips no ratios"
        if learner.updates_per_batch == 1 and not learner.proximal_age:
            yield {"loss.clip_ratio"}, "learner.updates_per_batch = 1: no ratio moves before a batch is done with"
    if config.network.policy != "units":
        yield {"network.embedding_dim"}, f"network.policy = {config.network.policy!r} sees no rows of units"
    if learner.updates_per_batch == 1:
        of_later = {"learner.max_kl", "learner.minibatches"}
        yield of_later, "learner.updates_per_batch = 1: no batch gets a second learner step"
    elif learner.batch_size == 1:
        yield {"learner.minibatches"}, "learner.batch_size = 1: one column has no parts"
    if not learner.replay_buffer:
        yield {"learner.replay_fraction", "learner.replay_order"}, "learner.replay_buffer = 0 keeps no unrolls"
    if not optimizer.clip_norm:
        yield {"optimizer.clip_apart"}, "optimizer.clip_norm = 0 clips nothing"
    if not optimizer.decay_env_steps:
        yield {"optimizer.decay_to"}, "optimizer.decay_env_steps = 0 is off"


def _without_actors(config: Config, num_actors: int | None, here: bool) -> Iterator[tuple[set[str], str]]:
    """Options that change nothing with so many actors; None: it is not known how many there are."""
    if num_actors == 0:
        yield _OF_ACTORS | _TOPOLOGY, "it is of one process, without actors (--num_actors=0)"
        return
    if num_actors is not None and config.topology.num_actors not in (None, num_actors):
        yield {"topology.num_actors"}, f"--num_actors={num_actors} decides"
    if here:
        yield _TOPOLOGY - {"topology.num_actors"}, "it is for actors on several machines, and these are started here"


def _unusual(values: Mapping[str, Any]) -> Iterator[str]:
    """Numbers that are possible, and beyond what anybody has meant by them; 0 is for others to judge."""
    for name in sorted(_USUAL.keys() & values.keys()):
        low, high, beyond = _USUAL[name]
        value = values[name]
        if value and not low <= abs(value) <= high:
            usual = (
                f"{low:g} or more" if high == math.inf else f"at most {high:g}" if not low else f"{low:g} to {high:g}"
            )
            yield f"{name} = {value:g} is hardly meant, {usual} is usual: beyond that {beyond}"


def _doubts(config: Config) -> Iterator[str]:
    """What does something, but maybe not what was meant."""
    loss, optimizer, run = config.loss, config.optimizer, config.run
    step = config.learner.env_steps_per_batch
    learner_steps = -(-run.total_env_steps // step) * config.learner.updates_per_batch
    if loss.clip_c_threshold > loss.clip_rho_threshold and loss.importance_weights != "none":
        yield (
            f"loss.clip_c_threshold = {loss.clip_c_threshold:g} is above loss.clip_rho_threshold = "
            f"{loss.clip_rho_threshold:g}: that the value targets converge is proven for c-bar <= rho-bar only"
        )
    if not optimizer.learning_rate:
        yield "optimizer.learning_rate = 0: nothing is learnt"
    if not loss.baseline_cost:
        yield "loss.baseline_cost = 0: the critic is never trained"
    if config.env.heuristic_ai:
        yield "env.heuristic_ai = True: SMAC's script plays, and what is trained never acts"
    if step > run.total_env_steps:
        yield f"one batch takes {step:,} env steps, more than run.total_env_steps = {run.total_env_steps:,}"
    elif optimizer.warmup_steps >= learner_steps:
        yield (
            f"optimizer.warmup_steps = {optimizer.warmup_steps:,} is no less than the run's {learner_steps:,} learner "
            "steps: the step size gets to optimizer.learning_rate at the end at most"
        )
    if optimizer.decay_env_steps > run.total_env_steps:
        yield (
            f"optimizer.decay_env_steps = {optimizer.decay_env_steps:,} is more than run.total_env_steps = "
            f"{run.total_env_steps:,}: the step size does not fall to optimizer.decay_to"
        )
    elif optimizer.decay_env_steps and optimizer.decay_to == 1:
        yield "optimizer.decay_to = 1: the step size does not fall, whatever optimizer.decay_env_steps says"
    if config.learner.policy_lag >= learner_steps:
        yield (
            f"learner.policy_lag = {config.learner.policy_lag:,} is no less than the run's {learner_steps:,} learner "
            "steps: the first weights act to the end"
        )
    yield from _doubts_of_evaluation(config, step)
    timeout_s = config.inference.actor_timeout_s
    if 0 < timeout_s <= config.inference.max_wait_ms / 1000:
        yield (
            f"inference.max_wait_ms = {config.inference.max_wait_ms:g} makes actors wait longer than "
            f"inference.actor_timeout_s = {timeout_s:g} allows them"
        )


def _evaluated_every(config: Config) -> int:
    """Env steps from one evaluation to the next."""
    evaluation = config.evaluation
    return evaluation.every_env_steps or max(int(evaluation.every_fraction * config.run.total_env_steps), 1)


def _doubts_of_evaluation(config: Config, step: int) -> Iterator[str]:
    evaluation, run = config.evaluation, config.run
    every = _evaluated_every(config)
    if every > run.total_env_steps:
        yield (
            f"evaluation.every_env_steps = {every:,} is more than run.total_env_steps = {run.total_env_steps:,}: only "
            "the start and the end are evaluated"
        )
    elif evaluation.every_env_steps and every < step:
        yield (
            f"evaluation.every_env_steps = {every:,} is less than the {step:,} of a batch: each of them is "
            "followed by an evaluation"
        )
    played = (1 + -(-run.total_env_steps // max(every, step))) * evaluation.episodes
    if run.stop_win_rate and not backend_of(config.env).nobody_wins(config.env) and played < run.stop_episodes:
        yield (
            f"run.stop_win_rate = {run.stop_win_rate:g} never stops this run: run.stop_episodes = {run.stop_episodes} "
            f"looks at more than the {played} episodes of all its evaluations"
        )

"""What modules of one's own give a run beside networks and loss: its hooks, and a reward."""

from __future__ import annotations

from seed_matrace.config import Config
from seed_matrace.inference.own_rewards import OwnRewards
from seed_matrace.modules import said_by
from seed_matrace.specs import empty_env_output
from seed_matrace.training.callback import Callback
from seed_matrace.training.sources import NamedReward
from seed_matrace.training_env import training_spec

_TRIED = 2  # environments that a reward is tried with


def hooks_of(config: Config) -> list[Callback]:
    """The registered hooks, made with their options.

    Raises:
      ValueError: one cannot be made, or is no Callback; with file and line.
    """
    made = []
    for entry in config.registry.hooks:
        assert entry.make
        try:
            hook = entry.make(config.registered[entry.name]) if entry.options else entry.make()
        except Exception as error:
            raise ValueError(f"{entry.where}: the hook {entry.name!r} cannot be made ({said_by(error)})") from None
        if not isinstance(hook, Callback):
            raise ValueError(
                f"{entry.where}: the hook {entry.name!r} is a {type(hook).__name__}; a seed_matrace.training.Callback "
                "expected"
            )
        made.append(hook)
    return made


def reward_of(config: Config) -> NamedReward | None:
    """The chosen reward function, with its options; None: rewards are the environments'.

    Raises:
      RewardError: it gives no rewards for environments of this kind.
    """
    entry, options = config.entry("reward"), config.options_of("reward")
    make = entry.make
    if make is None:
        return None
    function = make if options is None else lambda transition: make(transition, options)
    named = (function, f"{entry.name!r} ({entry.where})")
    spec = training_spec(config)
    tried, steps = OwnRewards(*named, spec, 1, _TRIED), empty_env_output(spec, _TRIED)
    steps.avail_actions[...] = 1
    for begins in (True, False):
        tried.replace(0, steps, 0, begins=begins)
    return named

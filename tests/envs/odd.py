"""A plain parallel environment of two agents and four steps, of which a test changes what it is about."""

import functools
import sys

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from seed_matrace.envs.registry import make_vector_env
from seed_matrace.sections.env import EnvConfig

AGENTS = ("a", "b")
BOX = spaces.Box(-1, 1, (3,), np.float32)
PLAIN = [(4, 8.0, False), (4, 8.0, False)]  # what ``ends`` says of it as it is
STEPS = 11


class Odd(ParallelEnv):
    """``changes`` are functions of the environment in place of its methods and attributes, by name."""

    metadata = {"name": "odd"}  # noqa: RUF012
    max_cycles = 4

    def __init__(self, **changes):
        self.possible_agents = list(AGENTS)
        self.time = 0
        for name, change in changes.items():
            setattr(self, name, functools.partial(change, self) if callable(change) else change)

    def observation_space(self, agent):
        return spaces.Box(-1, 1, (3,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        self.time, self.agents = 0, list(AGENTS)
        return self.told(np.zeros(3)), self.told({})

    def told(self, value):
        return dict.fromkeys(self.agents, value)

    def step(self, actions):
        self.time += 1
        acting, over = self.agents, self.time == 4
        parts = [dict.fromkeys(acting, value) for value in (np.full(3, self.time / 4), 1.0, False, over, {})]
        self.agents = [] if over else self.agents
        return tuple(parts)


def part(index, change):
    """A step of which one of the five dictionaries is changed."""

    def step(env, actions):
        answer = list(Odd.step(env, actions))
        answer[index] = change(answer[index])
        return tuple(answer)

    return step


def raises(error):
    def method(env, *args, **kwargs):
        raise error

    return method


def config(name="odd.Odd", limit=0, won_info="", **changes):
    return EnvConfig(name, "pettingzoo", arguments=changes, episode_limit=limit, team_reward="sum", won_info=won_info)


def play(played, *, with_final=True):
    """Outputs of a reset and some steps of random available actions."""
    env = make_vector_env(played, 2, seed=0, with_final=with_final)
    rng = np.random.default_rng(0)
    outputs = [env.reset()]
    for _ in range(STEPS):
        mask = outputs[-1].avail_actions
        outputs.append(env.step(np.argmax(rng.random(mask.shape) * mask, axis=-1).astype(np.int32)))
    env.close()
    return outputs


def ends(outputs):
    """(length, return, terminated) of the episodes of the first environment."""
    return [
        (int(out.episode.length[0]), float(out.episode.episode_return[0]), bool(out.terminated[0]))
        for out in outputs
        if out.terminated[0] or out.truncated[0]
    ]


def make_slowly(**changes):
    return Odd(**changes)


make_with_a_step = functools.partial(Odd, max_cycles=1)


class Unrelated:
    """A class of one's own that is no environment."""

    def __init__(self):
        sys.exit("called")


ONE = Odd()


def make_one_and_the_same():
    return ONE

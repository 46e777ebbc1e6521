"""Random play on all maps, watched: python benchmarks/soak.py [million env steps, default 100] [seed].

Every map gets about the same time. Every step: somebody can act, rewards are finite, an episode does not end
in two ways. Every 50th step: hit points and shields within bounds, the dead stay dead. Memory must not grow. One line
per map, then one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.vector_env import BACKEND, SkirmishVectorEnv
from seed_matrace.specs import empty_env_output, policy_output_spec

NUM_ENVS = 64
LOOK_EVERY = 50
MAY_GROW_MB = 30
BURST = 20_000  # env steps that tell how fast a map is


def main(million_steps: float = 100.0, seed: int = 0) -> None:
    """Plays on every map in turn; raises AssertionError at the first violation."""
    started = time.monotonic()
    bursts = [play(name, BURST, seed) for name in map_names()]
    speed = {burst["map"]: BURST / max(float(burst["seconds"]), 1e-3) for burst in bursts}
    results = []
    for name in speed:
        results.append(play(name, int(million_steps * 1e6 * speed[name] / sum(speed.values())), seed))
        print(
            "{map:<14} {env_steps:>11,} env steps {seconds:>7.1f} s {episodes:>9,} episodes {won:>6} won".format(
                **results[-1]
            ),
            flush=True,
        )
    total = {name: sum(result[name] for result in results) for name in ("env_steps", "episodes", "won")}
    print(json.dumps({"backend": BACKEND, "maps": len(results), **total, "seconds": round(time.monotonic() - started)}))


def play(map_name: str, env_steps: int, seed: int) -> dict[str, float | str]:
    """Random play on one map."""
    env = SkirmishVectorEnv(map_name, NUM_ENVS, seed)
    out = env.reset(empty_env_output(env.spec, NUM_ENVS))
    actions = policy_output_spec(env.spec, NUM_ENVS).action.empty()
    rounds, episodes, won = -(-env_steps // NUM_ENVS), 0, 0
    started, memory = time.monotonic(), 0
    for number in range(rounds):
        before = env.units() if number % LOOK_EVERY == 0 else None
        out = env.step(env.sample_actions(actions), out)
        assert out.avail_actions.any(axis=2).all(), "an agent has no action"
        assert np.isfinite(out.reward).all(), "a reward is not finite"
        assert not (out.terminated & out.truncated).any(), "an episode ended in two ways"
        if before is not None:
            check_units(env, before, env.units(), out.terminated | out.truncated)
        episodes += int((out.terminated | out.truncated).sum())
        won += int(out.episode.battle_won.sum())
        memory = memory or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    assert grown_mb < MAY_GROW_MB, f"memory grew by {grown_mb:.0f} MB"
    env.close()
    seconds = round(time.monotonic() - started, 3)
    return {"map": map_name, "env_steps": rounds * NUM_ENVS, "seconds": seconds, "episodes": episodes, "won": won}


def check_units(env: SkirmishVectorEnv, before: np.ndarray, after: np.ndarray, ended: np.ndarray) -> None:
    """Bounds of what units have; ``before`` and ``after`` are ``env.units()``, float32 [E, 5, U]."""
    stats = env.unit_stats()
    health, shield = after[:, 2], after[:, 3]
    assert ((health >= 0) & (health <= stats["health_max"])).all(), "health out of bounds"
    assert ((shield >= 0) & (shield <= stats["shield_max"])).all(), "a shield out of bounds"
    assert not ((before[:, 2] == 0) & (health > 0))[~ended].any(), "a dead unit came back"


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(*([float(arguments[0])] if arguments else []), *([int(arguments[1])] if len(arguments) > 1 else []))

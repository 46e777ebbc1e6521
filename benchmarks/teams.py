"""Simple teams on all maps: python benchmarks/teams.py [episodes, default 1000] > table.md.

Prints a Markdown table of win rate, return and length, with what is published of SMAC's script in the real game beside;
progress goes to stderr, the numbers to benchmarks/results/teams.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.scripted import kiting_actions, scripted_actions
from seed_matrace.skirmish.vector_env import BACKEND, SkirmishVectorEnv
from seed_matrace.smac_options import SmacOptions
from seed_matrace.specs import empty_env_output
from seed_matrace.types import EnvOutput, EpisodeStats

Team = Callable[[SkirmishVectorEnv, EnvOutput], np.ndarray]
AT_ONCE = 250

# Median win rate in percent of SMAC's heuristic_ai in StarCraft II 4.6.2 (Samvelyan et al. 2019).
PUBLISHED_SCRIPT = {
    "2s3z": 90, "1c3s5z": 81, "bane_vs_bane": 43, "3s5z": 42, "10m_vs_11m": 12, "2s_vs_1sc": 0, "5m_vs_6m": 0,
    "27m_vs_30m": 0, "3s_vs_5z": 0, "2c_vs_64zg": 0, "3s5z_vs_3s6z": 0, "6h_vs_8z": 0, "MMM2": 0, "corridor": 0,
}  # fmt: skip


def random_team(env: SkirmishVectorEnv, out: EnvOutput) -> np.ndarray:
    return env.sample_actions()


TEAMS: dict[str, tuple[Team, SmacOptions]] = {
    "random": (random_team, SmacOptions()),
    "script": (random_team, SmacOptions(heuristic_ai=True)),  # the environment replaces the actions
    "weakest": (scripted_actions, SmacOptions()),
    "kiting": (kiting_actions, SmacOptions()),
}


def play(map_name: str, team: str, episodes: int) -> EpisodeStats:
    """One episode in each of ``episodes`` environments."""
    choose, options = TEAMS[team]
    parts = []
    for first in range(0, episodes, AT_ONCE):
        env = SkirmishVectorEnv(map_name, min(AT_ONCE, episodes - first), seed=1, first_env=first, options=options)
        parts.append(_first_episodes(env, choose))
        env.close()
    return EpisodeStats(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def _first_episodes(env: SkirmishVectorEnv, choose: Team) -> EpisodeStats:
    out = env.reset(empty_env_output(env.spec, env.num_envs))
    stats = EpisodeStats(*(np.zeros_like(field) for field in out.episode))
    over = np.zeros(env.num_envs, bool)
    while not over.all():
        out = env.step(choose(env, out), out)
        ended = (out.terminated | out.truncated) & ~over
        for kept, now in zip(stats, out.episode, strict=True):
            kept[ended] = now[ended]
        over |= ended
    return stats


def main(episodes: int) -> None:
    results: dict[str, dict[str, dict[str, float]]] = {}
    print(f"| map | {' | '.join(TEAMS)} | script in the game |\n|---{'|---' * len(TEAMS)}|---|")
    for map_name in map_names():
        results[map_name] = {}
        for team in TEAMS:
            stats = play(map_name, team, episodes)
            results[map_name][team] = {
                "win_rate": round(float(stats.battle_won.mean()), 4),
                "return": round(float(stats.episode_return.mean()), 3),
                "length": round(float(stats.length.mean()), 2),
            }
            print(map_name, team, results[map_name][team], file=sys.stderr, flush=True)
        cells = [
            f"{100 * r['win_rate']:.0f}% · {r['return']:.1f} · {r['length']:.0f}" for r in results[map_name].values()
        ]
        published = PUBLISHED_SCRIPT.get(map_name)
        print(f"| {map_name} | {' | '.join(cells)} | {'' if published is None else f'{published}%'} |", flush=True)
    content = {"backend": BACKEND, "episodes": episodes, "maps": results}
    (Path(__file__).parent / "results" / "teams.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)

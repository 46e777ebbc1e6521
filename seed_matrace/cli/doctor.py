"""``doctor``: whether this machine can play the real StarCraft II, and what to do where it cannot."""

from __future__ import annotations

import json
import subprocess
import time

from absl import flags

from seed_matrace.cli.command import Command, define_game_version_flag, define_sc2_flags, sc2_python, use_sc2_python
from seed_matrace.foreign_files import printable
from seed_matrace.interpreter import start

_PLAY_STEPS = 50


def _define_doctor_flags(values: flags.FlagValues) -> None:
    define_sc2_flags(values)
    define_game_version_flag(values)
    flags.DEFINE_string("play", None, "also launches a game on this map and plays it at random", flag_values=values)


def _doctor(values: flags.FlagValues, _: list[str]) -> int:
    from seed_matrace.skirmish.maps import map_names

    use_sc2_python(values)
    maps = [values.play] if values.play else map_names()
    module = "seed_matrace.starcraft2.installation"
    command = [*start(module, sc2_python()), values.game_version, *maps]
    looked = subprocess.run(command, capture_output=True, text=True)
    if looked.returncode:
        raise RuntimeError(f"{sc2_python()} cannot look: {looked.stderr.strip().splitlines()[-1]}")
    healthy = True
    for finding in json.loads(looked.stdout):
        healthy &= finding["good"]
        print(printable(f"{'ok  ' if finding['good'] else 'BAD '} {finding['subject']}: {finding['found']}"))
        if not finding["good"]:
            print(printable(f"     {finding['todo']}"))
    if healthy and values.play:
        print(f"ok   {_play(values.play, values.game_version)}")
    return 0 if healthy else 1


def _play(map_name: str, game_version: str) -> str:
    """Some steps of one game; raises RuntimeError with what goes wrong."""
    import numpy as np

    from seed_matrace.envs.registry import backend_name, make_vector_env
    from seed_matrace.sections.env import EnvConfig

    config = EnvConfig(map_name=map_name, backend="starcraft2", game_version=game_version)
    env = make_vector_env(config, num_envs=1, seed=0)
    try:
        started = time.monotonic()
        out = env.reset()
        launched = time.monotonic()
        for _ in range(_PLAY_STEPS):
            out = env.step(out.avail_actions.argmax(axis=-1).astype(np.int32), out)
        speed = _PLAY_STEPS / (time.monotonic() - launched)
    finally:
        env.close()
    return f"{map_name} on {backend_name(config)}: launched in {launched - started:.1f} s, {speed:.0f} steps/s"


DOCTOR = Command(
    "Looks whether the real StarCraft II can be played here, and says what to do where it cannot.",
    "seed-matrace doctor --sc2_python=.venv-sc2/bin/python --play=3m",
    _define_doctor_flags,
    _doctor,
)

"""``sc2-standin``: the simulator in the place of StarCraft II, for programs that speak its API."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from absl import flags

from seed_matrace.cli.command import Command, define_game_version_flag


def _define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("install_dir", None, "folder to lay out like an installation of the game", flag_values=values)
    flags.DEFINE_string(
        "faults", "", "what goes wrong and when, such as 'crash step=40' (docs/sc2_standin.md)", flag_values=values
    )
    define_game_version_flag(values)
    flags.DEFINE_string("host", "127.0.0.1", "address to listen at", flag_values=values)
    flags.DEFINE_integer("port", None, "plays here until Ctrl-C; 0 takes a free port", 0, 65535, flag_values=values)


def _sc2_standin(values: flags.FlagValues, arguments: list[str]) -> None:
    from seed_matrace.sc2_standin.faults import parse_faults
    from seed_matrace.sc2_standin.installation import asks_for_check, install, read_launch

    if [values.install_dir is not None, values.port is not None, bool(arguments)].count(True) != 1:
        raise flags.Error("give --install_dir=DIR, or --port=PORT; after -- the game's own arguments")
    if values.install_dir is not None:
        folder = Path(values.install_dir).expanduser().resolve()
        install(folder, values.faults, values.game_version)
        print(f"export SC2PATH={shlex.quote(str(folder))}")
        return
    from seed_matrace.sc2_standin.server import serve_game

    if asks_for_check(arguments):
        return
    logging.basicConfig(format="[sc2-standin] %(message)s", level=logging.INFO if values.port is not None else None)
    if values.port is not None:
        serve_game(values.host, values.port, parse_faults(values.faults), version=values.game_version, stay=True)
        return
    launch = read_launch(arguments)
    serve_game(launch.host, launch.port, launch.faults, version=values.game_version, launch=launch.number)


SC2_STANDIN = Command(
    "Lays out a stand-in for StarCraft II that smac and pysc2 start as if it were the game, or plays at a port.",
    "seed-matrace sc2-standin --install_dir=~/standin",
    _define_flags,
    _sc2_standin,
    arguments="[-- GAME ARGUMENTS] ",
)

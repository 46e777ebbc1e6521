"""``zoo``: trained teams, to start from (docs/zoo.md)."""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags

from seed_matrace.cli.command import Command
from seed_matrace.files import check_utf8
from seed_matrace.training.process import import_tensorflow


def _define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "zoo",
        None,
        "folder or URL of the zoo that teams are read from (default: the program's own)",
        flag_values=values,
    )
    flags.DEFINE_string("zoo_dir", "zoo", "fetch, add: folder of the zoo that teams are put into", flag_values=values)
    flags.DEFINE_bool("replace", False, "fetch, add: take the place of a team of that name", flag_values=values)


def _run(values: flags.FlagValues, words: list[str]) -> None:
    from seed_matrace.zoo.index import OWN, card_of, fetch

    if values.zoo == "":
        raise flags.Error("--zoo is empty; name a folder or URL, or leave it out")
    if values.zoo_dir == "":
        raise flags.Error("--zoo_dir is empty; name a folder, or leave it out")
    zoo, given = values.zoo or str(OWN), words[1:]
    asked = words[0] if words else "list"
    writes = ["zoo_dir", "replace"] if asked not in ("fetch", "add") else []
    for flag in [*writes, *(["zoo"] if asked == "add" else [])]:
        if values[flag].present:
            raise flags.Error(f"--{flag} does nothing with zoo{'' if asked == 'list' else f' {asked}'}; leave it out")
    if asked == "add":
        _add(values, given)
    elif asked == "fetch" and given:
        for name in given:
            folder = fetch(zoo, name, Path(values.zoo_dir), replace=values.replace)
            _say_if_other_rules(folder)
            print(folder)
    elif asked == "show" and len(given) == 1:
        print(card_of(zoo, given[0]), end="")
    elif not words:
        _list(zoo, "" if values.zoo is None else values.zoo)
    else:
        raise flags.Error(
            f"seed-matrace zoo alone lists teams; else with {_ARGUMENTS.replace('|', ', ')}; not {' '.join(words)!r}"
        )


def _list(zoo: str, named: str) -> None:
    from seed_matrace.zoo.index import PREFIX, read_index

    teams = read_index(zoo)
    if not teams:
        print(f"no team in {zoo}")
        return
    print(f"{'team':<14}{'map':<14}{'trained on':<13}{'env steps':>11}  {'battles won':<12}{'size':>9}")
    for name, team in teams.items():
        won = f"{team['won']} of {team['episodes']}"
        print(
            f"{name:<14}{team['map']:<14}{team['backend']:<13}{team['env_steps']:>11,}  {won:<12}"
            f"{team['bytes'] / 1000:>6,.0f} kB"
        )
    first = next(iter(teams))
    fetched = f"seed-matrace zoo fetch {first} --zoo={named} copies one to {PREFIX}; then " if named else ""
    print(f"{fetched}seed-matrace eval {PREFIX}{first}, watch, export, plot and train --init_from take one as a run")


def _add(values: flags.FlagValues, words: list[str]) -> None:
    if len(words) != 2:
        raise flags.Error(
            "name a run directory and what its team is to be called, as in: seed-matrace zoo add runs/3m 3m"
        )
    run_dir, name = words
    check_utf8("RUN", run_dir)
    import_tensorflow()
    from seed_matrace.zoo.add import add_team

    print(add_team(Path(run_dir), name, Path(values.zoo_dir), replace=values.replace))


def _say_if_other_rules(folder: Path) -> None:
    from seed_matrace.learner.run_directory import backend_of
    from seed_matrace.skirmish.vector_env import BACKEND, is_other_version

    if is_other_version(backend := backend_of(folder)):
        print(
            f"{folder} was trained on {backend}, and what plays here is {BACKEND}, by other rules: results do not "
            "compare",
            file=sys.stderr,
            flush=True,
        )


_ARGUMENTS = "show TEAM|fetch TEAM...|add RUN TEAM"
ZOO = Command(
    "Lists trained teams, shows their cards, fetches them from a folder or URL, makes them of runs.",
    "seed-matrace zoo show 3m",
    _define_flags,
    _run,
    arguments=f"{_ARGUMENTS} ",
)

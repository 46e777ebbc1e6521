"""``eval``, ``export``, ``plot`` and ``watch``: what runs came to (docs/evaluation.md, docs/watching.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from absl import flags

from seed_matrace.cli.command import (
    Command,
    define_module_flag,
    define_run_flag,
    define_sc2_flags,
    named_runs,
    one_run,
    print_json,
    use_sc2_python,
)
from seed_matrace.files import check_utf8
from seed_matrace.modules import read_modules
from seed_matrace.training.process import import_tensorflow


def _define_weights_flags(values: flags.FlagValues) -> None:
    define_run_flag(values)
    flags.DEFINE_enum("checkpoint", "best", ["best", "latest"], "which of its weights", flag_values=values)
    define_module_flag(values)


def _output(values: flags.FlagValues) -> str | None:
    if values.output == "":
        raise flags.Error("--output is empty; name a file, or leave it out")
    return None if values.output is None else str(values.output)


def _define_eval_flags(values: flags.FlagValues) -> None:
    _define_weights_flags(values)
    flags.DEFINE_integer("episodes", 320, "battles to play", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("seed", 1, "seed of the battles", lower_bound=0, flag_values=values)
    flags.DEFINE_bool("sampled", False, "sample actions as in training, not the likeliest", flag_values=values)
    flags.DEFINE_multi_string(
        "gin_param",
        [],
        "other battles: a binding of env.* or starcraft2.*, as \"env.map_name='mine.json'\"; may be repeated",
        flag_values=values,
    )
    flags.DEFINE_string(
        "backend", None, "what plays the battles (default: what the team was trained on)", flag_values=values
    )
    flags.DEFINE_integer(
        "save_replays", 0, "write replays of so many battles to RUN/replays", lower_bound=0, upper_bound=128,
        flag_values=values,
    )  # fmt: skip
    define_sc2_flags(values)


def _eval(values: flags.FlagValues, words: list[str]) -> None:
    from seed_matrace.envs.registry import backend_name, has_winner
    from seed_matrace.evaluation.battle_seeds import BattlesOf
    from seed_matrace.evaluation.episodes import summarise
    from seed_matrace.evaluation.other_battles import battles_config
    from seed_matrace.learner.run_directory import of_team

    run_dir = one_run(values, words, "eval")
    use_sc2_python(values)
    check_utf8("--run_dir", run_dir)
    games = battles_config(Path(run_dir), values.gin_param, values.backend)
    import_tensorflow()
    from seed_matrace.evaluation.policy import check_playable, load_policy, play

    seed, env = BattlesOf.EVAL_COMMAND.seed(values.seed), games.env
    modules, sampling_seed = read_modules(values.module), seed if values.sampled else None
    policy = load_policy(run_dir, values.checkpoint, modules, sampling_seed=sampling_seed)
    check_playable(policy, env, replays=values.save_replays > 0)  # before anything is said of how they would compare
    if other_rules := policy.other_rules(backend_name(env)):
        print(other_rules, file=sys.stderr, flush=True)
    replays = {"replays": values.save_replays, "replay_dir": of_team(run_dir, "replays")}
    stats = play(policy, values.episodes, seed=seed, env=env, starcraft2=games.starcraft2, **replays)
    result: dict[str, Any] = {"map": env.title, "backend": backend_name(env), "env_steps": policy.env_steps}
    result["sampled"] = values.sampled
    print_json({**result, **summarise(stats, won=has_winner(env))})


EVAL = Command(
    "Plays battles with a trained team; the last line printed is one JSON object.",
    "seed-matrace eval runs/8m --episodes=400",
    _define_eval_flags,
    _eval,
    arguments="RUN ",
)


_EXPORTED = {"numpy": "policy.npz", "savedmodel": "policy", "onnx": "policy.onnx"}


def _define_export_flags(values: flags.FlagValues) -> None:
    _define_weights_flags(values)
    flags.DEFINE_enum(
        "format", "numpy", [*_EXPORTED], "weights for NumPy; for TensorFlow; for ONNX's runtimes", flag_values=values
    )
    flags.DEFINE_string(
        "output",
        None,
        "file, or folder of a SavedModel (default: RUN/policy.npz, RUN/policy or RUN/policy.onnx)",
        flag_values=values,
    )


def _export(values: flags.FlagValues, words: list[str]) -> None:
    from seed_matrace.learner.run_directory import of_team

    run_dir = one_run(values, words, "export")
    suffix = Path(_EXPORTED[values.format]).suffix
    output = Path(_output(values) or of_team(run_dir, _EXPORTED[values.format]))
    if suffix and output.suffix != suffix:
        raise flags.Error(f"--output={output}: a file of --format={values.format} is called {suffix}")
    check_utf8("--run_dir", run_dir)
    if values.format != "numpy":
        check_utf8("--output", output)
    import_tensorflow()
    from seed_matrace.evaluation.export import export_numpy, export_onnx, export_saved_model
    from seed_matrace.evaluation.policy import load_policy

    policy = load_policy(run_dir, values.checkpoint, read_modules(values.module))
    {"numpy": export_numpy, "savedmodel": export_saved_model, "onnx": export_onnx}[values.format](policy, output)
    print(output)


EXPORT = Command(
    "Writes a run's policy for other programs: NumPy weights that need no TensorFlow, a SavedModel, or ONNX.",
    "seed-matrace export runs/8m --format=numpy",
    _define_export_flags,
    _export,
    arguments="RUN ",
)


def _define_plot_flags(values: flags.FlagValues) -> None:
    define_run_flag(values)
    flags.DEFINE_string(
        "output", None, "a .png, .svg or .pdf file (default: RUN/learning_curve.png)", flag_values=values
    )
    flags.DEFINE_enum(
        "kind",
        "auto",
        ["auto", "curves", "maps", "profile"],
        "curves of one map, a panel for each of several, or a performance profile",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "statistic",
        "median",
        ["median", "iqm"],
        "of seeds: median, quartiles; or IQM, interval",
        flag_values=values,
    )
    flags.DEFINE_bool("published", True, "maps: published StarCraft II results beside the curves", flag_values=values)
    flags.DEFINE_bool("paper", False, "maps: all 14 of the paper, in its order", flag_values=values)


def _plot(values: flags.FlagValues, words: list[str]) -> None:
    from seed_matrace.viewer.plot import PlotOptions, plot

    run_dirs = named_runs(values, words)
    if not run_dirs:
        raise flags.Error("give at least one run directory, as in: seed-matrace plot runs/3m")
    options = PlotOptions(values.kind, values.statistic, published=values.published, whole_paper=values.paper)
    print(plot(run_dirs, _output(values), options, print))


PLOT = Command(
    "Plots runs, or all runs under a directory: seeds as bands, variants as colours, maps as panels.",
    "seed-matrace plot sweeps/entropy --statistic=iqm --output=entropy.svg",
    _define_plot_flags,
    _plot,
    arguments="RUN... ",
)


def _define_watch_flags(values: flags.FlagValues) -> None:
    define_run_flag(values)
    flags.DEFINE_string("output", None, "a .html, .gif or .mp4 file (default: RUN/watch.html)", flag_values=values)
    flags.DEFINE_enum(
        "which",
        "best",
        ["best", "first", "latest", "learning"],
        "of a run: which evaluated battle; learning: at 0%, 10%, 50% and 100% of training, side by side",
        flag_values=values,
    )
    flags.DEFINE_integer("width", 720, "GIF, MP4: pixels", lower_bound=120, upper_bound=3840, flag_values=values)
    flags.DEFINE_float(
        "speed", 1.0, "GIF, MP4: game loops for each picture", lower_bound=0.25, upper_bound=16.0, flag_values=values
    )
    flags.DEFINE_bool("zoom", False, "GIF, MP4: only the part of the map where units were", flag_values=values)
    flags.DEFINE_bool("dark", False, "GIF, MP4: dark colours; the page follows the browser", flag_values=values)


def _watch(values: flags.FlagValues, words: list[str]) -> None:
    from seed_matrace.viewer.watch import WatchOptions, watch

    paths = named_runs(values, words)
    if not paths:
        raise flags.Error("give a run directory or a replay file, as in: seed-matrace watch runs/3m")
    options = WatchOptions(values.which, values.width, values.speed, values.dark, values.zoom)
    print(watch(paths, _output(values), options, print))


WATCH = Command(
    "Shows battles: a page to play, pause and look into, or a GIF or MP4; up to four replays side by side.",
    "seed-matrace watch runs/2s3z --which=learning --output=learning.gif",
    _define_watch_flags,
    _watch,
    arguments="RUN_OR_REPLAY... ",
)

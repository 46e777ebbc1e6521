"""From flags to runs: every combination once, in an order that shows all of them early, under names that stay."""

import dataclasses
import json
from pathlib import Path

import pytest

from seed_matrace.config import ConfigError
from seed_matrace.envs.registry import env_spec
from seed_matrace.evaluation.sweep_record import SWEEP_FILE, SweepRun, read_sweep, sweep_actors, write_sweep
from seed_matrace.sweeps.plan import check_scenario, keep_plan, load_planned, plan_sweep


def names(**flags):
    return [run.name for run in plan_sweep(**flags)]


def test_every_combination_has_its_first_seed_before_any_has_its_second():
    runs = plan_sweep(
        gin_files=["paper.gin"],
        gin_params=["run.total_env_steps = 5000"],
        gin_axes=["maps/3m.gin, maps/8m.gin"],
        grids=["loss.entropy_cost=[0.1, 1.0]"],
        seeds=range(2),
    )
    assert [run.name for run in runs[:5]] == [
        "3m/entropy_cost=0.1/seed_0",
        "3m/entropy_cost=1.0/seed_0",
        "8m/entropy_cost=0.1/seed_0",
        "8m/entropy_cost=1.0/seed_0",
        "3m/entropy_cost=0.1/seed_1",
    ]
    assert len(runs) == 8
    assert runs[3].gin_files == ("paper.gin", "maps/8m.gin")
    assert runs[3].gin_params == ("run.total_env_steps = 5000", "loss.entropy_cost = 1.0")


def test_names_do_not_depend_on_the_order_of_values_or_on_further_ones():
    few = names(gin_axes=["maps/3m.gin,maps/8m.gin"], grids=["loss.discount=[0.9]"])
    many = names(gin_axes=["maps/8m.gin,maps/25m.gin,maps/3m.gin"], grids=["loss.discount=[0.99, 0.9]"], seeds=[0, 1])
    assert set(few) < set(many)


def test_the_file_of_the_map_names_the_map_and_other_files_the_variant():
    assert names(gin_axes=["maps/3m.gin", "matrace_obs.gin,matrace_state.gin"]) == [
        "3m/matrace_obs/seed_0",
        "3m/matrace_state/seed_0",
    ]
    assert names(grids=["env.map_name=['3m', '8m']"]) == ["3m/matrace/seed_0", "8m/matrace/seed_0"]
    assert names(gin_files=["maps/8m.gin"], seeds=[3]) == ["8m/matrace/seed_3"]


@pytest.mark.parametrize(
    ("grids", "variants"),
    [
        (["network.policy_layers=[(64, 64), (128,)]"], ["policy_layers=64x64", "policy_layers=128"]),
        (["network.critic_input=['state']"], ["critic_input=state"]),
        (["optimizer.learning_rate=[1e-3, 5e-4]"], ["learning_rate=0.001", "learning_rate=0.0005"]),
        (["loss.discount=[0.9]", "loss.lambda_=[1]"], ["discount=0.9,lambda_=1"]),
    ],
)
def test_values_are_readable_in_names(grids, variants):
    assert [run.variant for run in plan_sweep(grids=grids)] == variants


def test_gin_files_of_one_name_keep_their_folders_apart(tmp_path):
    files = [tmp_path / folder / "variant.gin" for folder in ("a", "b")]
    for file, discount in zip(files, (0.9, 0.8), strict=True):
        file.parent.mkdir()
        file.write_text(f"loss.discount = {discount}\n")
    variants = [run.variant for run in plan_sweep(gin_axes=[",".join(map(str, files))])]
    assert [variant[-10:] for variant in variants] == ["-a-variant", "-b-variant"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"grids": ["loss.discount=0.9"]}, "is not a name with a list of values"),
        ({"grids": ["loss.discount=[]"]}, "is not a name with a list of values"),
        ({"grids": ["loss.discount=[0.9"]}, "is not a name with a list of values"),
        ({"grids": ["[0.9]"]}, "is not a name with a list of values"),
        ({"grids": ["loss.discount=[0.9, 0.9]"]}, "2 runs of this sweep would be called 3m/discount=0.9/seed_0"),
        ({"gin_axes": [" , "]}, "names no gin file"),
        ({"grids": ["loss.discount=[0.9]", "seed_matrace.loss.discount=[0.8]"]}, "2 --grid flags are of loss.discount"),
        ({"grids": ["loss.discount=[0.9]"] * 2}, "2 --grid flags are of loss.discount"),
        (
            {"grids": ["loss.discount=[0.9]"], "gin_params": ["loss.lambda_ = 1\nseed_matrace.loss.discount = 0.8"]},
            "and a --grid are both of loss.discount",
        ),
        ({"grids": ["loss.discount=[1e999]"]}, r"--grid='loss\.discount=\[1e999\]': .*finite number"),
        ({"grids": ["loss.discount=[1e-999]"]}, r"--grid='loss\.discount=\[1e-999\]': a number too near to 0"),
        (
            {"grids": ["loss.discount=[0.9, 2.0]"]},
            r"^--grid='loss\.discount=\[0\.9, 2\.0\]': loss.discount must be",
        ),
        ({"grids": ["env.map_name=['../x']"], "gin_params": ["env.backend='counting'"]}, "no name to the folder"),
    ],
)
def test_axes_that_cannot_be_read_are_refused(flags, said):
    with pytest.raises(ValueError, match=said):
        plan_sweep(**flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"grids": ["los.discount=[0.9]"]}, "near: loss.discount"),
        ({"grids": ["loss.discount=[0.9, 2.0]"]}, "at most 1"),
        ({"gin_axes": ["maps/3m.gin,maps/4m.gin"]}, "no gin file"),
    ],
)
def test_combinations_that_do_not_load_are_refused_before_anything_runs(flags, said):
    with pytest.raises(ConfigError, match=said):
        plan_sweep(**flags)


@pytest.mark.parametrize(
    "flags",
    [
        {"grids": ["optimizer.decay_to=[0.1, 0.5]"]},  # without a decay
        {"grids": ["loss.target_entropy=[0.1, 0.5]"], "gin_params": ["loss.entropy_cost_speed=0"]},
        {"grids": ["loss.discount=[1, 1.0]"]},
        {"gin_axes": ["matrace_obs.gin,uncorrected.gin"], "gin_params": ["loss.importance_weights='joint'"]},
        {"grids": ["env.backend=['skirmish']", "starcraft2.step_timeout_s=[30, 60]"], "seeds": range(2)},
        *(
            {"grids": [grid]}
            for grid in ("env.step_mul=[8, None]", "topology.num_actors=[1, 2]", "topology.learner_port=[0, 9]")
        ),
        *({"grids": [grid]} for grid in ("inference.max_wait_ms=[0, 5]", "actor.groups_per_actor=[1, 2]")),
        {"grids": ["learner.intra_op_threads=[1, 2]"], "num_actors": 2},
        {"grids": ["learner.strategy=['auto', 'one_device']", "inference.actor_timeout_s=[1, 2]"], "num_actors": 2},
        *({"grids": [grid]} for grid in ("learner.queued_unrolls=[1, 2]", "evaluation.absolute_episodes=[None, 320]")),
        {"grids": ["topology.num_actors=[1, 2]"], "num_actors": 1},
        {"grids": ["evaluation.every_env_steps=[0, 100_000]"], "gin_params": ["run.total_env_steps=5_000_000"]},
        {"grids": ["optimizer.decay_env_steps=[0, 1000]"], "gin_params": ["optimizer.decay_to=1"]},
    ],
)
def test_variants_that_would_be_the_same_runs_are_refused(flags):
    with pytest.raises(ValueError, match=r"3m/\S+ and 3m/\S+ would be the same runs"):
        plan_sweep(**flags)


@pytest.mark.parametrize("option", ["inference.max_wait_ms", "actor.groups_per_actor", "learner.queued_unrolls"])
def test_what_changes_the_policy_lag_tells_runs_with_actors_apart(option):
    assert len(plan_sweep(grids=[f"{option}=[1, 5]"], num_actors=2)) == 2


@pytest.mark.parametrize("grid", ["env.arguments=[None, {}]", "env.episode_limit=[0, 25]"])
def test_variants_of_pettingzoos_environments_are_compared_by_what_is_played(grid):
    pytest.importorskip("mpe2")
    params = ["env.backend='pettingzoo'", "env.map_name='mpe2.simple_spread_v3'"]
    with pytest.raises(ValueError, match="would be the same runs"):
        plan_sweep(grids=[grid], gin_params=params)


def test_grids_may_be_of_macros_and_not_of_names_that_nothing_uses(tmp_path):
    file = tmp_path / "mine.gin"
    file.write_text("GAMMA = 0.9\nloss.discount = %GAMMA\n")
    runs = plan_sweep(gin_files=[str(file)], grids=["GAMMA=[0.8, 0.9]"])
    assert [load_planned(run).config.loss.discount for run in runs] == [0.8, 0.9]
    with pytest.raises(ConfigError, match=r"near: loss\.discount"):
        plan_sweep(grids=["discount=[0.9, 0.99]"])


def test_record_of_a_sweep_imports_nothing(tmp_path):
    """``sweep --sweep_dir`` alone goes on with what a file says."""
    (run,) = plan_sweep()
    write_sweep(tmp_path, [dataclasses.replace(run, gin_params=("import antigravity",))])
    with pytest.raises(ConfigError, match="imports nothing"):
        load_planned(read_sweep(tmp_path)[0])


def test_planned_run_has_its_configuration():
    (run,) = plan_sweep(gin_axes=["maps/8m.gin"], grids=["network.policy_layers=[(8, 4)]"])
    planned = load_planned(run)
    assert (planned.config.env.map_name, planned.config.network.policy_layers) == ("8m", (8, 4))


def test_record_of_a_sweep_reads_back(tmp_path):
    runs = plan_sweep(gin_axes=["maps/3m.gin,maps/8m.gin"], grids=["loss.discount=[0.9]"], seeds=range(2))
    write_sweep(tmp_path / "new", runs)
    assert read_sweep(tmp_path / "new") == runs
    assert isinstance(read_sweep(tmp_path / "new")[0], SweepRun)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is not the directory of a sweep"),
        ("{", "cannot be used"),
        ('{"format": 2, "runs": []}', "this program knows 1"),
        ('{"format": 1, "runs": [{"seed": 1}]}', "cannot be used"),
    ],
)
def test_record_that_is_none_is_refused(tmp_path, text, said):
    if text is not None:
        (tmp_path / SWEEP_FILE).write_text(text)
    with pytest.raises(ValueError, match=said):
        read_sweep(tmp_path)


SIDE = [{"unit": "Marine", "count": 2, "at": [16, 16]}]


def scenario(path, episode_limit=9):
    path.parent.mkdir(parents=True, exist_ok=True)
    battle = {"terrain": "octagon", "episode_limit": episode_limit, "allies": SIDE, "enemies": SIDE}
    path.write_text(json.dumps(battle))
    return str(path)


def test_runs_on_scenario_files_are_called_after_their_stems(tmp_path):
    files = [scenario(tmp_path / "a/mine.json"), scenario(tmp_path / "b/yours.json", 8)]
    assert names(grids=[f"env.map_name={files}"]) == ["mine/matrace/seed_0", "yours/matrace/seed_0"]
    with pytest.raises(ValueError, match=r"a/mine\.json and .*c/mine\.json would both be called mine; rename one"):
        plan_sweep(grids=[f"env.map_name={[files[0], scenario(tmp_path / 'c/mine.json')]}"])


def test_a_scenario_file_is_one_map_however_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenario(tmp_path / "a.json")
    (tmp_path / "b.json").write_text((tmp_path / "a.json").read_text().replace(",", ",  "))
    with pytest.raises(ValueError, match=r"would be called a/.*is a value named twice"):
        plan_sweep(grids=["env.map_name=['a.json', './a.json']"])
    with pytest.raises(ValueError, match=r"a/matrace and b/matrace would be the same runs"):
        plan_sweep(grids=["env.map_name=['a.json', 'b.json']"])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "mine.gin").write_text("env.map_name = 'a.json'\n")
    for flags in (
        {"grids": ["env.map_name=['../a.json']"]},
        {"grids": [f"env.map_name=[{str(tmp_path / 'a.json')!r}]"]},
        {"gin_files": ["../mine.gin"]},
    ):
        assert names(**flags) == ["a/matrace/seed_0"]
    for dots in (".", ".."):
        scenario(tmp_path / f"{dots}.json")
        with pytest.raises(ValueError, match="name is"):
            plan_sweep(grids=[f"env.map_name=['../{dots}.json']"])


def test_a_sweep_needs_no_file_outside_of_it_to_go_on(tmp_path, monkeypatch):
    file = scenario(tmp_path / "project/maps/mine.json")
    gin = tmp_path / "project/mine.gin"
    gin.write_text("env.map_name = 'maps/mine.json'\nloss.discount = 0.5\n")
    [run] = plan_sweep(gin_files=[str(gin)])
    before = load_planned(run)
    keep_plan(tmp_path / "sweep", before)
    (tmp_path / "sweep").rename(tmp_path / "moved")
    gin.unlink()
    scenario(Path(file), episode_limit=8)
    monkeypatch.chdir(tmp_path / "project")
    after = load_planned(run, tmp_path / "moved")
    assert (after.config.loss.discount, after.text) == (0.5, before.text)
    assert env_spec(after.config.env).episode_limit == 9
    check_scenario(tmp_path / "moved", after)
    gin.write_text("env.map_name = 'maps/mine.json'\n")
    with pytest.raises(ValueError, match=r"project/maps/mine\.json has changed since the sweep began"):
        check_scenario(tmp_path / "moved", load_planned(run))


def test_the_number_of_actors_belongs_to_the_sweep(tmp_path):
    write_sweep(tmp_path, plan_sweep(), num_actors=3)
    assert sweep_actors(tmp_path) == 3

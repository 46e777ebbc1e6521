"""Which names make environments of others, and what is asked of them before any is made."""

import dataclasses

import pytest
from odd import config

from seed_matrace.envs.registry import env_spec, make_vector_env, noted_spec, spec_of_run
from seed_matrace.sections.env import EnvConfig


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("subprocess.Popen", "it is Python's own"),
        ("os.system", "it is Python's own"),
        ("builtins.eval", "it is Python's own"),
        ("antigravity", "it is Python's own"),
        ("odd.sys.exit", "not written in Python"),
        ("odd.functools.partial", "no pettingzoo.ParallelEnv"),
        ("odd.functools.wraps", "Python's own module functools"),
        ("odd.Unrelated", "a class that is no pettingzoo.ParallelEnv"),
        ("odd.Odd.__init__", "it is Python's own"),
        ("numpy.save", "which has nothing to do with PettingZoo|not written in Python"),
        ("pip.main", "which has nothing to do with PettingZoo"),
        ("pip.__main__", "it is Python's own"),
        ("seed_matrace.cli.dispatch.main", "which has nothing to do with PettingZoo"),
        ("odd. Odd", "is no name"),
        ("..odd", "is no name"),
    ],
)
def test_only_makers_of_environments_are_called(name, said):
    with pytest.raises(ValueError, match=rf"{name}.*({said})"):
        env_spec(EnvConfig(name, "pettingzoo", episode_limit=3))


@pytest.mark.parametrize("name", ["odd.Odd", "odd.make_slowly", "odd.make_with_a_step", "seed_matrace.envs.pettingzoo"])
def test_functions_classes_and_partial_functions_make_environments(name):
    assert env_spec(EnvConfig(name, "pettingzoo")).n_agents >= 2


def test_nothing_is_called_for_sizes_that_a_run_has_noted():
    spec = env_spec(config())
    gone = EnvConfig("nowhere.at_all", "pettingzoo", frame_stack=2)
    assert spec_of_run(gone, noted_spec(config())) == dataclasses.replace(spec, obs_dim=2 * spec.obs_dim)
    assert noted_spec(EnvConfig()) is None and spec_of_run(EnvConfig(), {"n_agents": 9}) == env_spec(EnvConfig())
    for bad in ({}, [], {**noted_spec(config()), "n_agents": True}, {**noted_spec(config()), "more": 1}):
        with pytest.raises(ValueError, match="the sizes that the run noted"):
            spec_of_run(gone, bad)
    with pytest.raises(ValueError, match="no module 'nowhere'"):
        spec_of_run(gone, None)


def test_a_module_that_cannot_be_imported_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name, text, said in (
        ("broken_one", "def x(:", "SyntaxError"),
        ("broken_two", "raise SystemExit('bye')", "SystemExit: bye"),
        ("broken_three", "1 / 0", "ZeroDivisionError: division by zero"),
        ("broken_four", "import nothing_of_that_name", "needs the package nothing_of_that_name"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(ValueError, match=rf"{name}.*{said}"):
            env_spec(EnvConfig(name, "pettingzoo"))


def test_one_environment_for_all_is_an_error():
    with pytest.raises(ValueError, match="the same environment again and again"):
        make_vector_env(EnvConfig("odd.make_one_and_the_same", "pettingzoo"), 2, seed=0)

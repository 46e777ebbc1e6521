"""Every gin file that comes with the program parses, and every map file names a map that exists."""

import dataclasses
import itertools
import re

import pytest

from seed_matrace.config import ConfigError, load_config
from seed_matrace.envs.registry import env_spec
from seed_matrace.gin_files import gin_dir

FILES = sorted(path.relative_to(gin_dir()).as_posix() for path in gin_dir().rglob("*.gin"))
MAPS = [name for name in FILES if name.startswith("maps/")]
PROTOCOLS = [name for name in FILES if name.startswith("protocols/")]
VARIANTS = [name for name in FILES if "/" not in name and name != "base.gin"]


def test_there_are_gin_files():
    assert "base.gin" in FILES
    assert VARIANTS
    assert len(MAPS) >= 7


@pytest.mark.parametrize("name", FILES)
def test_gin_file_loads(name):
    config, _, _ = load_config([name])
    assert env_spec(config.env).n_agents > 0


@pytest.mark.parametrize("name", MAPS)
def test_map_file_is_named_after_its_map(name):
    config, _, _ = load_config([name])
    assert name == f"maps/{config.env.map_name}.gin"


@pytest.mark.parametrize("map_file", MAPS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_and_maps_combine_in_any_order(variant, map_file):
    assert load_config([variant, map_file])[0] == load_config([map_file, variant])[0]


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(VARIANTS, 2)))
def test_variants_combine_with_one_another(first, second):
    """Whatever both say, the later file says last."""
    both, alone = load_config([first, second])[0], load_config([second])[0]
    for section, name in re.findall(r"^(\w+)\.(\w+) = ", (gin_dir() / second).read_text(), re.MULTILINE):
        assert getattr(getattr(both, section), name) == getattr(getattr(alone, section), name)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocols_decide_how_it_is_evaluated_and_not_what_is_learnt(name):
    """And not the budget, which is a matter of the map."""
    base, config = load_config([])[0], load_config([name])[0]
    assert config.evaluation.every_env_steps == 10_000
    assert config.run == dataclasses.replace(base.run, stop_win_rate=0.0)
    assert dataclasses.replace(config, evaluation=base.evaluation, run=base.run) == base


@pytest.mark.parametrize("name", FILES)
def test_no_shipped_file_includes_another(name):
    assert "include" not in (gin_dir() / name).read_text()


@pytest.mark.parametrize(
    ("path", "near"),
    [
        *(("3m", "maps/3m.gin"), ("3m.gin", "maps/3m.gin"), ("map/3m.gin", "maps/3m.gin"), ("maps/3m", "maps/3m.gin")),
        *(("MMM2", "maps/MMM2.gin"), ("mmm2", "maps/MMM2.gin"), ("gin/maps/8m.gin", "maps/8m.gin")),
        *(("recurent", "recurrent.gin"), ("maps/4m.gin", "maps/8m.gin"), ("mine", "mine.gin"), ("xyzzy", "such as")),
    ],
)
def test_files_that_may_have_been_meant_are_named_and_not_all_of_them(path, near, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.gin").write_text("")
    with pytest.raises(ConfigError) as caught:
        load_config([path])
    named = str(caught.value).rpartition("; ")[2]
    assert near in named and named.count(".gin") <= 5
    if re.fullmatch(r".*[38]m(\.gin)?", path):
        assert named.startswith(f"near: {near}")

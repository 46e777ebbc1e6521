"""Policies, critics and losses by name."""

from dataclasses import dataclass

import pytest

from seed_matrace import registered
from seed_matrace.config import ConfigError, decides_learning, load_config, options
from seed_matrace.config_effects import warnings_of
from seed_matrace.fields import option
from seed_matrace.registered import BUILT_IN, RegistryError, marked


@dataclass(frozen=True)
class Attention:
    heads: int = option(4, "attention heads", low=1)
    width: int = 32  # no need to say more


@registered.policy("attention", options=Attention)
def attention(setup):
    return setup


@registered.critic("attention")
def plain_critic(setup):
    return setup


REGISTRY = BUILT_IN.with_entries([*marked(attention), *marked(plain_critic)])


def load(*params):
    return load_config([], params, registry=REGISTRY)


def test_options_of_a_chosen_name_are_its_own_section():
    config, given, operative = load("network.policy = 'attention'", "attention.heads = 2")
    assert config.options_of("policy") == Attention(2, 32)
    assert config.entry("policy").make is attention
    assert config.options_of("critic") is None
    assert "attention.heads = 2" in given and "attention.width" not in given
    assert "attention.heads = 2\nattention.width = 32" in operative
    assert options(config)["attention.heads"] == 2
    assert decides_learning("attention.heads")


def test_an_operative_configuration_is_read_back():
    config, _, operative = load("network.policy = 'attention'", "attention.width = 8")
    assert load(*operative.splitlines())[0] == config


@pytest.mark.parametrize(
    ("params", "why"),
    [
        (["network.policy = 'atention'"], "'atention' is not registered; near: attention"),
        (["loss.function = 'ppo'"], "'ppo' is not registered; near: ma_trace; .*--module=FILE.py"),
        (["attention.heads = 0"], "attention.heads must be at least 1, not 0"),
        (["attention.head = 1"], "unknown option 'attention.head'; near: attention.heads"),
        (["attention.width = 'wide'"], "attention.width must be a whole number, not 'wide'"),
    ],
)
def test_mistakes_are_one_sentence(params, why):
    with pytest.raises(ConfigError, match=why):
        load(*params)


def test_options_of_what_is_not_chosen_are_said_to_do_nothing():
    told = warnings_of(load("attention.heads = 2")[0])
    assert told == ["attention.heads = 2 does nothing in this run: no network or loss is 'attention'"]
    assert warnings_of(load("network.policy = 'attention'", "attention.heads = 2")[0]) == []


def test_a_name_is_taken_once():
    @registered.policy("attention")
    def another(setup):
        return setup

    with pytest.raises(RegistryError, match=r"test_registered.py:\d+: the policy 'attention' is registered already"):
        REGISTRY.with_entries(marked(another))
    with pytest.raises(RegistryError, match=r"'mlp' is registered already \(by the program\)"):
        BUILT_IN.with_entries(marked(registered.policy("mlp")(lambda setup: setup)))


def test_two_kinds_of_one_name_have_the_same_options():
    @dataclass(frozen=True)
    class Other:
        heads: int = 1

    @registered.critic("attention", options=Other)
    def another(setup):
        return setup

    with pytest.raises(RegistryError, match="attention is the name of the policy"):
        BUILT_IN.with_entries([*marked(attention), *marked(another)])


def test_a_section_of_ours_is_no_name():
    mark = registered.loss("learner", options=Attention)(lambda batch: {})
    with pytest.raises(ConfigError, match="learner is the name of a section"):
        load_config(registry=BUILT_IN.with_entries(marked(mark)))


def test_options_that_gin_cannot_hold_are_refused():
    @dataclass(frozen=True)
    class Wrong:
        layers: dict

    @dataclass(frozen=True)
    class Missing:
        heads: int

    for name, kind, why in (("a", Wrong, "a.layers is of type"), ("a", Missing, "no default"), ("a", int, "frozen")):
        with pytest.raises(RegistryError, match=why):
            registered.policy(name, options=kind)(attention)
    with pytest.raises(RegistryError, match="a small letter"):
        registered.policy("My Policy")(attention)


def test_a_class_does_not_inherit_its_name():
    @registered.policy("base")
    class Base:
        pass

    class Child(Base):
        pass

    assert [entry.name for entry in marked(Base)] == ["base"] and marked(Child) == ()


def test_what_the_program_registers_is_what_it_makes():
    from seed_matrace.algo.built_in import _MADE, maker

    made = [entry for entry in BUILT_IN.entries if entry.kind != "reward"]  # that is made by environments
    assert set(_MADE) == {(entry.kind, entry.name) for entry in made}
    for entry in made:
        assert marked(maker(entry))[0].options is entry.options

"""Training's view of PettingZoo's environments; the contract itself is tried in test_contract."""

import numpy as np
import pytest
from gymnasium import spaces
from roles import Roles

from seed_matrace.config import ConfigError, load_config
from seed_matrace.envs.registry import backend_name, env_spec, has_winner, make_vector_env
from seed_matrace.sections.env import EnvConfig
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.specs import EnvSpec
from seed_matrace.training_env import make_schema
from seed_matrace.transport.messages import Hello, decode_hello, encode_hello
from seed_matrace.transport.schema import schema_mismatch
from seed_matrace.types import flatten


def config(map_name="roles", **options):
    return EnvConfig(map_name, "pettingzoo", **options)


def roles(num_envs=1, *, with_final=False, **arguments):
    return make_vector_env(config(arguments=arguments, episode_limit=50), num_envs, seed=0, with_final=with_final)


def random_actions(rng, avail_actions):
    return np.argmax(rng.random(avail_actions.shape) * avail_actions, axis=-1).astype(np.int32)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("mpe2.simple_spread_v3", EnvSpec(3, 5, 18, 54, 25)),
        ("mpe2.simple_spread_v3.parallel_env", EnvSpec(3, 5, 18, 54, 25)),
        ("mpe2.simple_speaker_listener_v4", EnvSpec(2, 5, 11, 14, 25)),
    ],
)
def test_sizes(name, spec):
    assert env_spec(config(name)) == spec
    assert backend_name(config(name)).startswith("pettingzoo-mpe2-")


def test_arguments_and_limit():
    assert env_spec(config("mpe2.simple_spread_v3", arguments={"N": 2, "max_cycles": 7})).episode_limit == 7
    assert env_spec(config("mpe2.simple_spread_v3", arguments={"N": 2}, episode_limit=9)) == EnvSpec(2, 5, 12, 24, 9)


def test_state_is_all_observations_if_there_is_none_or_they_are_asked_for():
    assert env_spec(config(episode_limit=9)) == EnvSpec(2, 4, 6, 12, 9)
    asked = config("mpe2.simple_speaker_listener_v4", obs_instead_of_state=True)
    output = make_vector_env(asked, 2, seed=0).reset()
    np.testing.assert_array_equal(output.state, output.obs.reshape(2, -1))
    own = make_vector_env(config("mpe2.simple_speaker_listener_v4"), 2, seed=0).reset()
    np.testing.assert_array_equal(own.obs, output.obs)
    assert own.state.shape == (2, 3 + 11)


def test_roles_are_padded_and_padding_cannot_be_chosen():
    output = roles().reset()
    np.testing.assert_array_equal(output.avail_actions[0], [[0, 1, 1, 1], [1, 1, 1, 0]])
    assert (output.obs[0, 0] > 0).all() and len(set(output.obs[0, 0])) == 1
    np.testing.assert_array_equal(output.obs[0, 1], [1, 0, 0, 0, 0, 0])  # one-hot post, then padding


def test_actions_masks_rewards_and_agents_that_leave():
    """The scout leaves after 3 of 6 steps; the team is paid the mean of both agents' rewards, absent ones' being 0."""
    env = roles(with_final=True)
    env.reset()
    for step, guard in enumerate([0, 1, 0, 1, 0, 2], start=1):
        here = step <= 3
        output = env.step(np.array([[1 if here else 0, guard]], np.int32))
        assert output.reward[0] == ((1 if here else 0) + 5 + guard) / 2
        assert output.terminated[0] == (step == 6) and not output.truncated[0]
        if step < 3:
            assert output.avail_actions[0, 1].tolist() == [index != guard for index in range(3)] + [False]
        elif step < 6:
            assert output.avail_actions[0, 0].tolist() == [1, 0, 0, 0] and not output.obs[0, 0].any()
    assert output.episode.length[0] == 6 and output.episode.episode_return[0] == (3 + 6 * 5 + 4) / 2
    np.testing.assert_array_equal(output.final_obs[0], [[0] * 6, [1, 0, 0, 0, 0, 0]])
    np.testing.assert_array_equal(output.final_state[0], output.final_obs[0].ravel())
    assert output.obs[0, 0].all()  # the next episode has its scout


def test_only_agents_that_are_there_are_told_what_to_do():
    received = []
    env = roles(leaves=1, length=2)
    made = env._teams[0].made
    made.step = lambda actions, step=made.step: received.append(actions) or step(actions)
    env.reset()
    env.step(np.array([[2, 1]], np.int32))
    env.step(np.array([[0, 0]], np.int32))
    assert received == [{"scout": 2, "guard": 6}, {"guard": 5}]


@pytest.mark.parametrize(("team_reward", "paid"), [("sum", 6.0), ("mean", 3.0)])
def test_team_reward(team_reward, paid):
    env = make_vector_env(config(episode_limit=9, team_reward=team_reward), 1, seed=0)
    env.reset()
    assert env.step(np.array([[1, 0]], np.int32)).reward[0] == paid


def test_own_limit_truncates():
    env = make_vector_env(config(episode_limit=2), 1, seed=0)
    env.reset()
    assert not env.step(np.array([[1, 0]], np.int32)).truncated[0]
    output = env.step(np.array([[1, 1]], np.int32))
    assert output.truncated[0] and not output.terminated[0] and output.episode.length[0] == 2


def test_environments_limit_truncates():
    env = make_vector_env(config("mpe2.simple_spread_v3", arguments={"max_cycles": 3}), 1, seed=0)
    env.reset()
    outputs = [env.step(np.zeros((1, 3), np.int32)) for _ in range(3)]
    assert [bool(output.truncated[0]) for output in outputs] == [False, False, True]
    assert not any(output.terminated[0] for output in outputs)


@pytest.mark.parametrize(("last", "won"), [(2, True), (0, False)])
def test_winners_are_those_that_the_environment_tells(last, won):
    winning = config(arguments={"length": 2}, episode_limit=9, won_info="held")
    assert has_winner(winning) and not has_winner(config()) and has_winner(EnvConfig())
    env = make_vector_env(winning, 1, seed=0)
    env.reset()
    env.step(np.array([[1, 1]], np.int32))
    assert env.step(np.array([[1, last]], np.int32)).episode.battle_won[0] == won


@pytest.mark.parametrize(
    "played",
    [config(episode_limit=50), config("mpe2.simple_speaker_listener_v4"), config("pettingzoo.sisl.pursuit_v5")],
)
def test_kept_environments_go_on_bit_for_bit(played):
    played = played if played.map_name != "pettingzoo.sisl.pursuit_v5" else config(played.map_name, episode_limit=8)
    first, second = (make_vector_env(played, 3, seed=5) for _ in range(2))
    rng = np.random.default_rng(0)
    output = first.reset()
    for _ in range(11):
        output = first.step(random_actions(rng, output.avail_actions))
    second.set_state_bytes(first.get_state_bytes())
    for _ in range(20):
        actions = random_actions(rng, output.avail_actions)
        output, other = first.step(actions), second.step(actions)
        for array, expected in zip(flatten(output), flatten(other), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_bad_states_are_errors():
    env = roles(num_envs=2)
    with pytest.raises(RuntimeError, match="reset"):
        env.get_state_bytes()
    env.reset()
    state = env.get_state_bytes()
    for bad in (state[:-1], state[:-8], state[:20], b"", state + bytes(8)):
        with pytest.raises(ValueError, match="not a state of pettingzoo roles"):
            env.set_state_bytes(bad)
    with pytest.raises(ValueError, match="not a state"):
        roles(num_envs=3).set_state_bytes(state)


def test_environment_that_ignores_its_seed_cannot_be_gone_on_with():
    env = roles(honest=False)
    env.reset()
    with pytest.raises(ValueError, match="does not play the same again"):
        env.set_state_bytes(env.get_state_bytes())


def test_the_simulator_through_pettingzoo_is_the_simulator():
    played = config("seed_matrace.envs.pettingzoo", arguments={"map_name": "2s3z"}, won_info="battle_won")
    env = make_vector_env(played, 1, seed=0, with_final=True)
    seed = int(np.random.SeedSequence((0, 0, 0)).generate_state(1)[0]) >> 1
    battles = SkirmishVectorEnv("2s3z", 1, seed, with_final=True)
    assert env.spec == battles.spec
    output, expected = env.reset(), battles.reset()
    rng = np.random.default_rng(1)
    while not (output.terminated | output.truncated)[0]:
        for name in ("obs", "avail_actions", "state", "reward"):
            np.testing.assert_array_equal(getattr(output, name), getattr(expected, name))
        actions = random_actions(rng, output.avail_actions)
        output, expected = env.step(actions), battles.step(actions)
    for name in ("reward", "terminated", "truncated", "final_obs", "final_state"):
        np.testing.assert_array_equal(getattr(output, name), getattr(expected, name))
    np.testing.assert_allclose(output.episode[:3], expected.episode[:3], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nowhere.at_all", {}, "no module 'nowhere'"),
        ("mpe2.simple_spred_v3", {}, "no function 'simple_spred_v3' in mpe2"),
        ("roles.seriously", {}, "no function 'seriously' in roles"),
        ("roles", {"arguments": {"lenght": 3}}, r"does not take env.arguments = {'lenght': 3}"),
        ("roles", {}, "set env.episode_limit"),
        ("roles.turn_based", {}, "no parallel environment"),
        ("roles", {"arguments": {"guard_space": spaces.Box(0, 1, (2,))}}, "only discrete actions"),
    ],
)
def test_environments_that_cannot_be_trained_are_errors(name, options, message):
    with pytest.raises(ValueError, match=message):
        env_spec(config(name, **options))


def test_observations_of_no_fixed_size_are_an_error(monkeypatch):
    monkeypatch.setattr(Roles, "observation_space", lambda self, agent: spaces.Sequence(spaces.Discrete(2)))
    with pytest.raises(ValueError, match="fixed size"):
        env_spec(config(episode_limit=3))


def test_actor_and_learner_of_the_same_arguments_meet():
    bindings = [
        "env.backend='pettingzoo'",
        "env.map_name='roles'",
        "env.episode_limit=9",
        "env.arguments={'honest': (1,)}",
    ]
    schema = make_schema(load_config([], bindings)[0])
    assert schema_mismatch(schema, decode_hello(encode_hello(Hello(0, schema))).schema) is None


@pytest.mark.parametrize("option", [{"arguments": {}}, {"episode_limit": 3}, {"won_info": "x"}, {"team_reward": "sum"}])
def test_its_options_mean_nothing_elsewhere(option):
    with pytest.raises(ConfigError, match=f"{next(iter(option))} is of PettingZoo"):
        EnvConfig("3m", **option)


def test_smacs_options_mean_nothing_here():
    with pytest.raises(ConfigError, match=r"env\.obs_last_action is of SMAC's"):
        config(obs_last_action=True)

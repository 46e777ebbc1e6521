"""Theorem 1 of the paper, and eq. 1-3, on random tabular games where every expectation can be computed.

S states, N agents with A actions each; a joint action is one of the A^N combinations. States are the agents'
observations, so policies are products of one distribution per agent and state.
"""

import dataclasses
import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from seed_matrace.algo.vtrace import vtrace

STATES, AGENTS, ACTIONS = 4, 2, 3
JOINT_ACTIONS = list(itertools.product(range(ACTIONS), repeat=AGENTS))
THRESHOLDS = [(1.0, 1.0), (1.0, 0.5), (0.7, 0.2), (2.0, 1.0), (3.0, 3.0), (20.0, 1.5), (0.05, 0.0)]  # rho-bar, c-bar
CASES = list(itertools.product(range(6), (0.5, 0.99), THRESHOLDS))  # seed, discount, thresholds
SAMPLED_CASES = list(itertools.product(range(3), THRESHOLDS))
WRONG_RATIOS = {
    "inverted": lambda log_pi, log_mu: (log_mu - log_pi).sum(-1),
    "one agent only": lambda log_pi, log_mu: (log_pi - log_mu)[..., 0],
    "mean over agents": lambda log_pi, log_mu: (log_pi - log_mu).mean(-1),
    "none": lambda log_pi, log_mu: np.zeros(log_pi.shape[:-1]),
}


def joint_log_ratio(log_pi: np.ndarray, log_mu: np.ndarray) -> np.ndarray:
    """Log of pi/mu of the joint action, from [..., N] log-probabilities of the agents' own actions."""
    return (log_pi - log_mu).sum(-1)


@dataclass
class Game:
    """A random game, a behaviour policy, a target policy, and the operator R of eq. 1 that they define."""

    seed: int
    discount: float
    rho_bar: float
    c_bar: float
    on_policy: bool = False
    log_ratio: object = staticmethod(joint_log_ratio)

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        joint = len(JOINT_ACTIONS)
        self.transition = rng.dirichlet(np.full(STATES, 0.3), (STATES, joint))  # [S, joint, S]
        self.reward = rng.normal(size=(STATES, joint))
        self.values = 5 * rng.normal(size=STATES)  # any function of the state
        mu, pi = rng.dirichlet(np.full(ACTIONS, 0.8), (2, STATES, AGENTS))
        self.mu_agents = 0.9 * mu + 0.1 / ACTIONS
        self.pi_agents = self.mu_agents if self.on_policy else pi
        self.log_mu, self.log_pi = (_of_joint_actions(p) for p in (self.mu_agents, self.pi_agents))  # [S, joint, N]
        self.mu, self.pi = np.exp(self.log_mu.sum(-1)), np.exp(self.log_pi.sum(-1))
        ratio = np.exp(self.log_ratio(self.log_pi, self.log_mu))
        self.rho, self.c = np.minimum(self.rho_bar, ratio), np.minimum(self.c_bar, ratio)

    @property
    def beta(self) -> float:
        """The least expected rho over the states, of the right ratio."""
        return np.minimum(self.rho_bar * self.mu, self.pi).sum(-1).min()

    def apply(self, values: np.ndarray, steps: int | None = None) -> np.ndarray:
        """R V (eq. 1); with ``steps``, only that many terms of its sum (the expectation of eq. 3)."""
        weighted = self.mu * self.rho
        expected_next = self.transition @ values
        deltas = (weighted * (self.reward + self.discount * expected_next - values[:, None])).sum(-1)
        trace = self.discount * np.einsum("sa,sat->st", self.mu * self.c, self.transition)
        if steps is None:
            return values + np.linalg.solve(np.eye(STATES) - trace, deltas)
        return values + sum(np.linalg.matrix_power(trace, k) @ deltas for k in range(steps))

    def contraction_constant(self) -> float:
        """The largest factor by which R can stretch a difference in the maximum norm: the norm of its linear part."""
        origin = self.apply(np.zeros(STATES))
        linear = np.stack([self.apply(unit) - origin for unit in np.eye(STATES)], axis=-1)
        return np.abs(linear).sum(-1).max()

    def bellman(self, policy: np.ndarray, values: np.ndarray) -> np.ndarray:
        return (policy * (self.reward + self.discount * self.transition @ values)).sum(-1)

    def value_of(self, policy: np.ndarray) -> np.ndarray:
        """V of a joint policy [S, joint]."""
        moves = np.einsum("sa,sat->st", policy, self.transition)
        return np.linalg.solve(np.eye(STATES) - self.discount * moves, (policy * self.reward).sum(-1))

    def theorem_policy(self) -> np.ndarray:
        """The policy whose value Theorem 1 names as the fixed point."""
        clipped = np.minimum(self.rho_bar * self.mu, self.pi)
        return clipped / clipped.sum(-1, keepdims=True)

    def bound(self) -> float:
        """Theorem 1's bound of the contraction constant."""
        return 1 - (1 - self.discount) * self.beta


def _of_joint_actions(policy: np.ndarray) -> np.ndarray:
    """[S, N, A] probabilities to log-probabilities [S, joint, N] of each agent's part in each joint action."""
    agents = np.arange(AGENTS)
    return np.log(np.stack([policy[:, agents, joint] for joint in JOINT_ACTIONS], axis=1))


def _targets(game: Game, states: np.ndarray, actions: np.ndarray, lambda_: float = 1.0) -> np.ndarray:
    """``vtrace``'s targets of step 0, [B], on states [T+1, B] and joint actions [T, B]."""
    taken = states[:-1], actions
    output = vtrace(
        log_rhos=game.log_ratio(game.log_pi[taken], game.log_mu[taken]),
        discounts=np.full(actions.shape, game.discount),
        rewards=game.reward[taken],
        values=game.values[states[:-1]],
        bootstrap_value=game.values[states[-1]],
        clip_rho_threshold=game.rho_bar,
        clip_c_threshold=game.c_bar,
        lambda_=lambda_,
    )
    return output.vs[0].numpy().astype(np.float64)


def _expected_targets(game: Game, steps: int) -> np.ndarray:
    """Expectation of ``vtrace``'s target in every state, over all trajectories of ``steps`` steps under mu."""
    joint = range(len(JOINT_ACTIONS))
    paths = np.array(list(itertools.product(range(STATES), *[joint, range(STATES)] * steps))).T
    states, actions = paths[::2], paths[1::2]
    moves = game.mu[states[:-1], actions] * game.transition[states[:-1], actions, states[1:]]
    weighted = moves.prod(0) * _targets(game, states, actions)
    return np.bincount(states[0], weights=weighted, minlength=STATES)


def _sampled_targets(game: Game, start: int, steps: int, columns: int) -> np.ndarray:
    """``vtrace``'s targets on ``columns`` sampled trajectories from one state."""
    rng = np.random.default_rng(game.seed)
    states, actions = [np.full(columns, start)], []
    for _ in range(steps):
        actions.append(_sample(rng, game.mu[states[-1]]))
        states.append(_sample(rng, game.transition[states[-1], actions[-1]]))
    return _targets(game, np.stack(states), np.stack(actions))


def _sample(rng: np.random.Generator, probabilities: np.ndarray) -> np.ndarray:
    """One index for each row of probabilities [B, K]."""
    cumulated = probabilities.cumsum(-1)
    return (rng.random((len(probabilities), 1)) * cumulated[:, -1:] >= cumulated).sum(-1)


def _distance_to_theorem(game: Game) -> float:
    """Distance of the point that iterating R reaches from the value that Theorem 1 names."""
    values = game.values
    for _ in range(100_000):
        previous, values = values, game.apply(values)
        gap = np.abs(values - previous).max()
        if gap < 1e-13 or not gap < 1e6:
            break
    return np.abs(values - game.value_of(game.theorem_policy())).max()


def _standard_errors_off(game: Game, steps: int = 6, columns: int = 20_000) -> float:
    """How far, at worst over the states, the mean sampled target is from n-step R V of the right ratio."""
    right = dataclasses.replace(game, log_ratio=joint_log_ratio).apply(game.values, steps)
    targets = [_sampled_targets(game, start, steps, columns) for start in range(STATES)]
    errors = [(x.mean() - expected) / (x.std() / np.sqrt(columns)) for x, expected in zip(targets, right, strict=True)]
    return np.abs(errors).max()


@pytest.mark.parametrize(("seed", "discount", "thresholds"), CASES, ids=str)
def test_r_is_a_contraction_with_the_constant_of_theorem_1(seed, discount, thresholds):
    game = Game(seed, discount, *thresholds)
    assert 0 < game.beta <= 1 + 1e-12
    constant = game.contraction_constant()
    if game.c_bar > 0:
        assert constant < game.bound() < 1
    else:  # without a trace the bound is met exactly
        np.testing.assert_allclose(constant, game.bound(), rtol=1e-12)


@pytest.mark.parametrize(("seed", "discount", "thresholds"), CASES, ids=str)
def test_iterating_r_reaches_the_value_of_theorem_1s_policy(seed, discount, thresholds):
    assert _distance_to_theorem(Game(seed, discount, *thresholds)) < 1e-8


def test_thresholds_above_all_ratios_reach_the_value_of_the_target_policy():
    game = Game(0, 0.9, rho_bar=1e6, c_bar=1.0)
    np.testing.assert_allclose(game.value_of(game.theorem_policy()), game.value_of(game.pi), rtol=1e-9)
    assert _distance_to_theorem(game) < 1e-8


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("seed", "thresholds"), SAMPLED_CASES, ids=str)
def test_vtrace_is_n_step_r_in_expectation_over_all_trajectories(seed, thresholds, steps):
    game = Game(seed, 0.9, *thresholds)
    np.testing.assert_allclose(_expected_targets(game, steps), game.apply(game.values, steps), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("seed", "thresholds"), SAMPLED_CASES, ids=str)
def test_sampled_targets_average_to_n_step_r(seed, thresholds):
    assert _standard_errors_off(Game(seed, 0.9, *thresholds)) < 4.5  # 84 states in all


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_on_policy_it_is_the_n_step_bellman_target(seed, steps):
    game = Game(seed, 0.9, rho_bar=1.0, c_bar=1.0, on_policy=True)
    expected = game.values
    for _ in range(steps):
        expected = game.bellman(game.pi, expected)
    np.testing.assert_allclose(game.apply(game.values, steps), expected, rtol=1e-12)
    np.testing.assert_allclose(_expected_targets(game, steps), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(game.apply(game.values), game.value_of(game.pi), rtol=1e-9)  # all steps at once


@pytest.mark.parametrize("name", WRONG_RATIOS)
def test_a_wrong_ratio_fails_every_check(name):
    for seed in range(3):
        wrong = Game(seed, 0.9, rho_bar=3.0, c_bar=1.0, log_ratio=WRONG_RATIOS[name])
        assert _distance_to_theorem(wrong) > 0.05
        assert _standard_errors_off(wrong) > 9
        right = dataclasses.replace(wrong, log_ratio=joint_log_ratio)
        off = _expected_targets(wrong, 1) - right.apply(wrong.values, 1)
        assert np.abs(off).max() > 0.05


def test_a_wrong_ratio_is_no_contraction():
    for seed in range(8):
        wrong = Game(seed, 0.9, rho_bar=20.0, c_bar=1.0, log_ratio=WRONG_RATIOS["inverted"])
        assert wrong.contraction_constant() > wrong.bound()

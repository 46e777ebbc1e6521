import numpy as np

from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.skirmish.random_teams import DrawnTeams, DrawTables
from seed_matrace.skirmish.recording import StepLog
from seed_matrace.skirmish.rules import BattleRules

class Skirmish:
    num_envs: int
    def __init__(
        self,
        num_envs: int,
        *,
        layout: FeatureLayout,
        stats: np.ndarray,
        spawn: np.ndarray,
        rules: BattleRules,
        draws: DrawTables | None,
        teams: DrawnTeams,
        shuffle_enemies: bool,
        reward_divisor: float,
        autoreset: bool,
        seed: int,
        first_env: int,
    ) -> None: ...
    def reset(self, obs: np.ndarray, avail: np.ndarray, state: np.ndarray) -> None: ...
    def first_unavailable(self, actions: np.ndarray) -> tuple[int, int] | None: ...
    def available(self, env: int, agent: int) -> list[int]: ...
    def step(
        self,
        actions: np.ndarray,
        obs: np.ndarray,
        avail: np.ndarray,
        state: np.ndarray,
        reward: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        episode_return: np.ndarray,
        length: np.ndarray,
        battle_won: np.ndarray,
        dead_allies: np.ndarray,
        dead_enemies: np.ndarray,
        final_obs: np.ndarray,
        final_state: np.ndarray,
    ) -> None: ...
    def sample_actions(self, actions: np.ndarray) -> None: ...
    def order(self, env: int, unit: int, order: int, target: int, x: float, y: float) -> bool: ...
    def advance(self, env: int, loops: int) -> None: ...
    def place(self, env: int, unit: int, x: float, y: float) -> None: ...
    def intents(self, env: int) -> tuple[np.ndarray, np.ndarray]: ...
    def memory(self) -> list[np.ndarray]: ...
    def last_step(self) -> tuple[np.ndarray, np.ndarray]: ...
    def record(self, log: StepLog) -> None: ...
    def recorded(self) -> tuple[int, int]: ...
    def drawn_types(self) -> np.ndarray: ...
    def units(self) -> np.ndarray: ...

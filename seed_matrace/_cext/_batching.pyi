import numpy as np

def copy_rows(
    targets: list[np.ndarray], first_target: int, sources: list[np.ndarray], first_source: int, rows: int
) -> None: ...
def sum_episodes(
    terminated: np.ndarray,
    truncated: np.ndarray,
    battle_won: np.ndarray,
    episode_return: np.ndarray,
    length: np.ndarray,
    rows: int,
) -> tuple[int, int, float, int]: ...
def stack_frames(
    ring: np.ndarray, newest_index: int, newest: np.ndarray, seen: np.ndarray, stacks: np.ndarray
) -> None: ...

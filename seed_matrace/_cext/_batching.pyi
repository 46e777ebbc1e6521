import numpy as np

def copy_rows(
    targets: list[np.ndarray], first_target: int, sources: list[np.ndarray], first_source: int, rows: int
) -> None: ...
def stack_frames(
    ring: np.ndarray, newest_place: int, newest: np.ndarray, seen: np.ndarray, stacks: np.ndarray
) -> None: ...

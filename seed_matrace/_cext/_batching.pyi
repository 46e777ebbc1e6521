import numpy as np

def stack_frames(
    ring: np.ndarray, newest_place: int, newest: np.ndarray, seen: np.ndarray, stacks: np.ndarray
) -> None: ...

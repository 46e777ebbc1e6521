from collections.abc import Mapping
from typing import Any

import numpy as np

def write_smac_features(
    layout: Any,
    units: np.ndarray,
    last_action: np.ndarray,
    step: np.ndarray,
    obs: np.ndarray,
    avail: np.ndarray,
    state: np.ndarray,
) -> None: ...

class UnitFeatures:
    def __init__(self, layout: Any) -> None: ...
    def write(
        self,
        allies: Mapping[int, Any],
        enemies: Mapping[int, Any],
        last_action: np.ndarray,
        step: int,
        obs: np.ndarray,
        avail: np.ndarray,
        state: np.ndarray,
    ) -> None: ...

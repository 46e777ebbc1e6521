"""A battle of a given seed is part of what a version of the simulator means."""

from __future__ import annotations

import hashlib

import pytest

from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv

DIGESTS = {
    "3m": "a2b93b112cfbe652",
    "27m_vs_30m": "0d97cd2158ce09c0",
    "1c3s5z": "380da3d8bf39d898",
    "MMM2": "9bef8b780a1bb968",
    "bane_vs_bane": "80968686d0f697b8",
    "corridor": "8b716fd801d6ce49",
}


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_battles_of_this_version_are_the_pinned_ones(name: str) -> None:
    """On every platform. If a rule changed on purpose: raise VERSION and pin the new digests."""
    env = SkirmishVectorEnv(name, 4, seed=1)
    out = env.reset()
    digest = hashlib.sha256()
    for step in range(60):
        actions = scripted_actions(env, out) if step % 3 else env.sample_actions()
        out = env.step(actions)
        for array in (env.units(), out.obs, out.state, out.reward):
            digest.update(array.tobytes())
    assert (VERSION, digest.hexdigest()[:16]) == ("2", DIGESTS[name])

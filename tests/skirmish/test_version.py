"""A battle of a given seed is part of what a version of the simulator means."""

from __future__ import annotations

import hashlib

import pytest

from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv

DIGESTS = {
    "3m": "b1f7f2a497947c9e",
    "27m_vs_30m": "9a8aff1517dd8887",
    "1c3s5z": "956f6a9394bbcc48",
    "MMM2": "27f27abb6eede33f",
    "bane_vs_bane": "dc75f6fddf24327d",
    "corridor": "51fece19aaef62e0",
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
    assert (VERSION, digest.hexdigest()[:16]) == ("3", DIGESTS[name])

"""A battle of a given seed is part of what a version of the simulator means."""

from __future__ import annotations

import hashlib

import pytest

from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv

DIGESTS = {
    "3m": "185e62f78e6c42f8",
    "27m_vs_30m": "921442ebc300f1dc",
    "1c3s5z": "6c42f15c5352de8a",
    "MMM2": "1b54d4351d9dc9e1",
    "bane_vs_bane": "e6b23e5b15a13a56",
    "corridor": "eef1afc8e2229484",
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

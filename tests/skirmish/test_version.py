"""A battle of a given seed is part of what a version of the simulator means."""

from __future__ import annotations

import hashlib

import pytest

from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv

DIGESTS = {
    "3m": "f3c2b7bb496b23be",
    "27m_vs_30m": "e52e0af957fafeb1",
    "1c3s5z": "322661f66955a669",
    "MMM2": "febd5fc7645e3442",
    "bane_vs_bane": "03465ecba242491a",
    "corridor": "6cdc0dc67095e6dc",
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

"""A battle of a given seed is part of what a version of the simulator means."""

from __future__ import annotations

import hashlib

import pytest

from seed_matrace.skirmish.scripted import scripted_actions
from seed_matrace.skirmish.vector_env import VERSION, SkirmishVectorEnv

DIGESTS = {
    "3m": "97861d450a8c7ee2",
    "27m_vs_30m": "9b825b4b882902d6",
    "1c3s5z": "a6764e94d421a0f1",
    "MMM2": "1ddd1fb6d0788e92",
    "bane_vs_bane": "bf9f19e089d1ce31",
    "corridor": "a7957be3df804515",
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

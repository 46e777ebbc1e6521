"""The model card of a team, as its README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seed_matrace.evaluation.policy import TrainedPolicy


def card(facts: Mapping[str, Any], policy: TrainedPolicy) -> str:
    """What a person should know before using a team.

    Args:
      facts: as of its ``run.json``.
    """
    team, evaluation = facts["team"], facts["team"]["evaluation"]
    name, spec, backend = team["name"], policy.spec, facts["backend"]
    low, high = evaluation["win_rate_ci95_low"], evaluation["win_rate_ci95_high"]
    won = round(evaluation["win_rate"] * evaluation["episodes"])
    rows = {
        "plays": f"{facts['map']}: {spec.n_agents} agents, which see {spec.obs_dim} numbers and have {spec.n_actions} "
        "actions each",
        "trained on": f"{backend}, {team['env_steps']:,} env steps, seed {facts['seed']}",
        "evaluation": f"{won} of {evaluation['episodes']} battles won (95% interval {low:.3f} to {high:.3f}), return "
        f"{evaluation['return']:.2f}, {evaluation['length']:.1f} env steps each",
        "networks": f"policy `{policy.config.network.policy}`, {_numbers(policy.network):,} numbers in float32; critic "
        f"{_numbers(policy.critic):,}, its matrices in float16",
        "begun by": f"`{team['command']}`" if team["command"] else "not known",
        "commit": facts["git"] or "not known: installed without a checkout",
        "with": ", ".join(f"{what} {version}" for what, version in (facts["versions"] or {}).items()),
        "trained at": f"{facts['start_time']}, on {facts['devices'] or 'a machine that is not known'}",
        "licence": "Apache-2.0, as the program",
    }
    table = "\n".join(f"| {what} | {said} |" for what, said in rows.items())
    return f"""# {name}: a team for {facts["map"]}

Trained with MA-Trace by seed_matrace.

| | |
|---|---|
{table}

The evaluation plays the likeliest actions of the run's best weights in battles that neither trained nor chose them;
`seed-matrace eval zoo/{name}` plays the same ones. `{backend}` names the rules: on another version, and in
StarCraft II, the team plays on, but results do not compare.

For watching, for comparing, and to begin other runs from (`--init_from=zoo/{name}`). Agents act by their own
observations alone; the critic, which saw all of them, is there to go on learning and to show values in replays. It is
one run of one seed: it says that the map can be learnt so, not how well the algorithm does on it.
"""


def _numbers(network: Any) -> int:
    return int(sum(np.prod(variable.shape) for variable in network.variables))

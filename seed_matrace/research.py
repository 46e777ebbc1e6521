"""What a module of one's own, given by --module, needs: how it registers policies, critics and losses; parts of ours.

docs/own_networks.md builds three.
"""

from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.layers import Mlp
from seed_matrace.algo.losses import LossBatch, ma_trace
from seed_matrace.algo.network_setup import CriticNetwork, NetworkSetup, PolicyNetwork
from seed_matrace.algo.networks import Critic, Policy, mlp_critic, mlp_policy
from seed_matrace.algo.recurrence import Gru, Past
from seed_matrace.algo.unit_rows import unit_rows
from seed_matrace.algo.vtrace import discounted_sums
from seed_matrace.fields import option
from seed_matrace.registered import critic, hook, loss, policy, reward
from seed_matrace.specs import EnvSpec
from seed_matrace.types import Transition, Unroll
from seed_matrace.unit_columns import UnitColumns, ally_numbers, columns_of, targets_of

__all__ = [
    "AgentInputs",
    "Critic",
    "CriticNetwork",
    "EnvSpec",
    "Gru",
    "LossBatch",
    "MaskedCategorical",
    "Mlp",
    "NetworkSetup",
    "Past",
    "Policy",
    "PolicyNetwork",
    "Transition",
    "UnitColumns",
    "Unroll",
    "ally_numbers",
    "columns_of",
    "critic",
    "discounted_sums",
    "hook",
    "loss",
    "ma_trace",
    "mlp_critic",
    "mlp_policy",
    "option",
    "policy",
    "reward",
    "targets_of",
    "unit_rows",
]

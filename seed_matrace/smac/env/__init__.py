"""What ``smac.env`` holds."""

from seed_matrace.skirmish.multi_agent_env import MultiAgentEnv
from seed_matrace.skirmish.smac_env import StarCraft2Env
from seed_matrace.skirmish.smac_left_out import left_out_of
from seed_matrace.smac.env import multiagentenv, starcraft2

__all__ = ["MultiAgentEnv", "StarCraft2Env", "multiagentenv", "starcraft2"]
__getattr__ = left_out_of("smac.env")

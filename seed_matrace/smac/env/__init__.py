"""What ``smac.env`` holds."""

from seed_matrace.skirmish.multi_agent_env import MultiAgentEnv
from seed_matrace.skirmish.smac_env import StarCraft2Env

__all__ = ["MultiAgentEnv", "StarCraft2Env"]

"""What ``smac.env.multiagentenv`` holds."""

from seed_matrace.skirmish.multi_agent_env import MultiAgentEnv

__all__ = ["MultiAgentEnv"]

"""A stand-in for StarCraft II: its API, played by the embedded simulator (docs/sc2_standin.md)."""

from seed_matrace.envs.sc2_messages import register_messages

register_messages()

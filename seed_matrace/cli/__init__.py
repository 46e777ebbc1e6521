"""The command ``seed-matrace``: subcommands and their flags. Flags are defined here and nowhere else.

Flags say where and how much machine; what is learnt is said in gin files.
"""

from seed_matrace.cli.dispatch import COMMANDS, main

__all__ = ["COMMANDS", "main"]

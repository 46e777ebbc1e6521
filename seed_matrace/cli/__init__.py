"""The command ``seed-matrace``: subcommands and their flags. Flags are defined here and nowhere else.

What is learnt is said in gin files, and so are options of the machine; flags say where a run lies and who takes part.
"""

from seed_matrace.cli.dispatch import COMMANDS, main

__all__ = ["COMMANDS", "main"]

"""A stand-in for StarCraft II: its API, played by the embedded simulator (docs/sc2_standin.md)."""

import sys

from seed_matrace.starcraft2.messages import register_messages

NEEDS = f"the stand-in needs: {sys.executable} -m pip install 'seed_matrace[starcraft2]'"

try:
    register_messages()
except ImportError as error:
    raise ImportError(f"{str(error).partition(';')[0]}; {NEEDS}") from None

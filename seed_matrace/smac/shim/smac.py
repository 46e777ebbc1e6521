"""What ``import smac`` finds where this folder is on the path (``python -m seed_matrace.smac``): the simulator."""

import collections.abc
import sys

import seed_matrace.smac

sys.modules["smac"] = seed_matrace.smac
if not hasattr(collections, "Mapping"):  # PyMARL asks for it after it has imported smac; Python 3.10 took it away
    collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]

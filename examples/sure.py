"""A hook: the run ends once it is sure of winning."""

from dataclasses import dataclass

from seed_matrace import research
from seed_matrace.training import Callback


@dataclass(frozen=True)
class SureOptions:
    evaluations: int = research.option(3, "so many in a row must win everything", low=1)


@research.hook("sure", options=SureOptions)
class StopsWhenSure(Callback):
    """Ends the run after evaluations that won everything; keeps count over resumes."""

    def __init__(self, options):
        self.options, self.won = options, 0

    def on_evaluation(self, run, metrics, episodes):
        self.won = self.won + 1 if episodes.battle_won.all() else 0
        if self.won == self.options.evaluations:
            run.stop(f"{self.won} evaluations won")

    def state(self):
        return {"won": self.won}

    def set_state(self, state):
        self.won = state["won"]

"""What is played: ``env.*``, and ``starcraft2.*`` for games of StarCraft II itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seed_matrace.env_options import EnvOptions
from seed_matrace.envs.backends import BACKENDS, backend_of, check_options
from seed_matrace.fields import FieldError
from seed_matrace.fields import option as _option
from seed_matrace.gin_files import ConfigError
from seed_matrace.sections.checked import Checked
from seed_matrace.starcraft2.options import StarCraft2Options


@dataclass(frozen=True)
class EnvConfig(Checked, EnvOptions):
    """What is played, and SMAC's options of it by their own names: ``env.obs_last_action`` and so on."""

    backend: str = _option("skirmish", "what plays the battles", choices=BACKENDS)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self.check_together()
            self.check_arguments()
            check_options(self)
        except FieldError as error:
            raise ConfigError(f"env.{error}") from None

    @property
    def scenario(self) -> Path | None:
        """The scenario file that is played; None: a map that the program knows by its name."""
        is_file = backend_of(self).plays_scenarios and self.map_name.endswith(".json")
        return Path(self.map_name) if is_file else None

    @property
    def title(self) -> str:
        """What runs, results and pictures call the map: a scenario file by its stem."""
        return self.scenario.stem if self.scenario else self.map_name


@dataclass(frozen=True)
class StarCraft2Config(Checked, StarCraft2Options):
    """How games of the real StarCraft II are watched over; nothing of it changes what is learnt."""

"""What all sections of options have in common: their values are checked once they are set."""

from __future__ import annotations

from seed_matrace.fields import FieldError, check_fields
from seed_matrace.gin_files import ConfigError


class Checked:
    """Checks types and ranges of a dataclass's fields, which messages call by the section: LossConfig is "loss"."""

    def __post_init__(self) -> None:
        section = type(self).__name__.removesuffix("Config").lower()
        try:
            check_fields(self, lambda name: f"{section}.{name}")
        except FieldError as error:
            raise ConfigError(str(error)) from None

"""What docs/configuration.md quotes is what the program says."""

import re

import pytest
from pages import ROOT

from seed_matrace.config import ConfigError, load_config
from seed_matrace.config_effects import warnings_of

PAGE = (ROOT / "docs" / "configuration.md").read_text()


def test_error_is_the_programs():
    (quoted,) = re.findall(r"^seed-matrace: (--gin_param '(.*?)': .*)$", PAGE, re.MULTILINE)
    with pytest.raises(ConfigError) as caught:
        load_config([], [quoted[1]])
    assert str(caught.value) == quoted[0]


def test_warnings_are_the_programs():
    quoted = re.findall(r"^warning: (.*)$", PAGE, re.MULTILINE)
    said = warnings_of(load_config([], ["loss.clip_c_threshold = 2", "optimizer.decay_to = 0.1"])[0])
    assert sorted(quoted) == sorted(said) and len(quoted) == 2

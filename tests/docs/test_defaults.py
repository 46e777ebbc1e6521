"""Defaults that pages tell by hand are those of the program."""

from __future__ import annotations

import ast
import dataclasses
import re

import pytest
from pages import PAGES, ROOT

from seed_matrace.config import SECTIONS
from seed_matrace.smac_options import SkirmishOptions

DEFAULTS = {f"{name}.{item.name}": item.default for name, kind in SECTIONS.items() for item in dataclasses.fields(kind)}


def told_defaults(text: str) -> dict[str, object]:
    """Options with the defaults that the tables of a page give, as far as they are values of Python."""
    told: dict[str, object] = {}
    for section, rows in re.findall(
        r"^\| option(?: of `(\w+)`)? \| default \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE
    ):
        for names, values in re.findall(r"^\|([^|]+)\|([^|]+)\|", rows, re.MULTILINE):
            names = [f"{section}.{name}" if section else name for name in re.findall(r"`([\w.]+)`", names)]
            try:
                values = ast.literal_eval(f"[{values.replace('`', '').strip()}]")
            except SyntaxError:  # words
                continue
            told.update(zip(names, values * len(names) if len(values) == 1 else values, strict=False))
    return told


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_defaults_of_options_are_right(page):
    for name, default in told_defaults(page.read_text()).items():
        if "." in name and DEFAULTS[name] is not None:  # pages tell what None comes to
            assert default == DEFAULTS[name], name


def test_tables_were_found():
    told = {name for page in PAGES for name in told_defaults(page.read_text())}
    assert {"loss.lambda_", "starcraft2.step_timeout_s", "env.team_reward"} <= told


def test_every_option_of_smac_is_told():
    text = (ROOT / "docs" / "smac_interface.md").read_text()
    told = told_defaults(text)
    for item in dataclasses.fields(SkirmishOptions):
        assert f"`{item.name}`" in text
        assert told.get(item.name, item.default) == item.default, item.name
    assert len(told) > 20

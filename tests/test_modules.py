"""Modules of one's own: read, run once, asked what they register; what is wrong is one sentence with file and line."""

import os

import pytest

from seed_matrace.config import load_config
from seed_matrace.modules import ModuleError, entries_of, read_modules, registry_of, told

LOSS = """\
from dataclasses import dataclass
from seed_matrace.registered import loss

@dataclass(frozen=True)
class Options:
    weight: float = 1.0

@loss("own", options=Options)
def own(batch):
    return {}
"""


@pytest.fixture
def module(tmp_path):
    def write(text, name="my_research.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def registry(*paths):
    return registry_of(read_modules(paths))


def test_a_module_registers_what_gin_chooses(module):
    path = module(LOSS)
    config, _, operative = load_config([], ["loss.function = 'own'", "own.weight = 0.5"], registry=registry(path))
    assert config.options_of("loss").weight == 0.5
    assert config.entry("loss").where == f"{path}:8"
    assert "own.weight = 0.5" in operative
    assert told(read_modules([path])[0]).endswith("...: loss 'own'")
    assert not list(path.parent.glob("**/*.pyc"))


def test_equal_files_are_one_module_and_others_are_not(module):
    (first,) = read_modules([module(LOSS)])
    (copy,) = read_modules([module(LOSS, "copy.py")])
    (again,) = read_modules([first.source])
    (changed,) = read_modules([module(LOSS.replace("1.0", "2.0"))])
    assert entries_of(first) == entries_of(again) != entries_of(changed)
    assert entries_of(first)[0].make is entries_of(again)[0].make
    assert entries_of(copy)[0].make is not entries_of(first)[0].make


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import seed_matrace\nimport no_such_thing\n", r":2: the module cannot be run \(ModuleNotFoundError: No mod"),
        ("x = 1\n\ndef f(:\n", r":3: the module cannot be run \(SyntaxError"),
        ("def f():\n    raise SystemExit(3)\nf()\n", r":2: the module cannot be run \(SystemExit: 3\)"),
        ("x = 1\n", "the module registers nothing"),
        (LOSS + LOSS.replace("def own", "def other"), r"_research.py:18: the loss 'own' is registered already \(.*:8"),
        (LOSS + LOSS, r"my_research.py:18: the loss 'own' is registered already"),
        (LOSS.replace('"own"', '"ma_trace"'), r":8: the loss 'ma_trace' is registered already \(by the program\)"),
        (LOSS.replace("float = 1.0", "list = 1"), r":8: the option own.weight is of type"),
        ("\0", "the module cannot be run"),
    ],
)  # fmt: skip
def test_bad_modules_are_one_sentence(module, text, why):
    path = module(text)
    for _ in range(2):  # what failed is not half there
        with pytest.raises(ModuleError, match=why) as error:
            registry(path)
        assert "\n" not in str(error.value) and str(path.name) in str(error.value)


def test_files_that_are_no_modules_are_refused(tmp_path, module):
    with pytest.raises(ModuleError, match="cannot be read"):
        read_modules([tmp_path / "none.py"])
    with pytest.raises(ModuleError, match="letters, digits and _"):
        read_modules([module(LOSS, "my-research.py")])
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "my_research.py"
    other.write_text(LOSS)
    with pytest.raises(ModuleError, match="of one name"):
        read_modules([module(LOSS), other])


def test_what_two_modules_import_from_a_third_counts_once(tmp_path, module, monkeypatch):
    (tmp_path / "shared_losses_of_test.py").write_text(LOSS)
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    text = "from shared_losses_of_test import own\n"
    paths = [module(text, "a.py"), module(text + "# another\n", "b.py")]
    assert registry(*paths).find("loss", "own").name == "own"


def test_parts_of_ours_that_a_module_imports_are_not_registered_again(module):
    text = (
        "from seed_matrace.research import ma_trace, mlp_policy, loss\n@loss('own')\ndef own(batch):\n    return {}\n"
    )
    assert [entry.name for entry in entries_of(read_modules([module(text)])[0])] == ["own"]


def test_a_configuration_is_read_without_its_modules(module):
    from seed_matrace.config import options
    from seed_matrace.registered import OPEN

    operative = load_config([], ["loss.function = 'own'"], registry=registry(module(LOSS)))[2]
    config = load_config([], operative.splitlines(), registry=OPEN)[0]
    assert options(config)["own.weight"] == 1.0 and config.entry("loss").make is None

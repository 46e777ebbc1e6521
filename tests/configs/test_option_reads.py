"""Every option does something: the program reads it, as the option that it is."""

import re
from pathlib import Path

import pytest
from option_reads import Sources, name_of

from seed_matrace.config import OPTIONS, SECTIONS, load_config
from seed_matrace.config_effects import warnings_of
from seed_matrace.registered import BUILT_IN
from seed_matrace.skirmish.smac_attributes import FIXED, FREE

ROOT = Path(__file__).parents[2]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(ROOT.glob("seed_matrace/**/*.py"))}
TALKS = "seed_matrace/config_effects.py"  # of options that do nothing
LOSS = "seed_matrace/sections/loss.py"
# SMAC has them, and its class here takes them: "it does nothing" is what a run says of them.
IDLE = {"env.debug", "env.difficulty"}
SMAC_CLASS = "SmacInfo"  # keeps options as attributes of their names
COMPILED = re.compile(r"\blayout\.options\.(\w+)")


def options_and_unread(texts):
    """All options of ``texts`` by AST, and those of them that nothing reads.

    A property of a section reads what its body reads if it is read itself. Checks of a section read nothing: all they
    do with a value is to refuse it. Nor does what tells of options without effect.
    """
    sources = Sources(text for path, text in texts.items() if path != TALKS)
    reads = sources.reads()
    compiled = {name for path in ROOT.glob("cext/*.pyx") for name in COMPILED.findall(path.read_text())}
    known, unread = set(), set()
    sections = {name: name_of(kind) for name, kind in sources.attributes["Config"].items() if name in SECTIONS}
    sections |= {name: kind.__name__ for name, kind in BUILT_IN.sections.items()}
    for section, kind in sections.items():
        kinds = sources.lineage(kind)
        of_section = [read for read in reads if read.kind in kinds]
        alive = {read.attribute for read in of_section if not _of_options(read, {*kinds, "Config"})}
        if "SmacOptions" in kinds:
            alive |= compiled
            alive |= {read.attribute for read in reads if SMAC_CLASS in sources.lineage(read.kind)} & {*FIXED, *FREE}
        for _ in kinds:  # properties that read properties
            asked = {(kind, name) for kind in kinds for name in sources.properties(kind) & alive}
            alive |= {read.attribute for read in of_section if (read.reader_kind, read.reader) in asked}
        fields = {name for kind in kinds for name in sources.fields(kind)}
        known |= {f"{section}.{name}" for name in fields}
        unread |= {f"{section}.{name}" for name in fields - alive}
    return known, unread


def _of_options(read, kinds):
    checks = not read.reader_kind and read.reader.lstrip("_").startswith("check")
    return checks or read.reader_kind in kinds


def test_every_option_is_read():
    known, unread = options_and_unread(TEXTS)
    assert known == set(OPTIONS)
    assert unread == IDLE, "nothing reads them; or annotate what they are read from, so that this test sees it"


def test_what_nothing_reads_is_said_to_do_nothing():
    said = warnings_of(load_config([], ["env.debug=True", "env.difficulty='1'"])[0])
    assert [line for line in said if "env.debug = True, env.difficulty = '1' does nothing in this run" in line]


UNREAD = [
    ("seed_matrace/sections/network.py", "NetworkConfig", "activation"),
    ("seed_matrace/sections/loss.py", "LossConfig", "epsilon"),  # optimizer.epsilon is read
    ("seed_matrace/sections/loss.py", "OptimizerConfig", "discount"),  # loss.discount is
    ("seed_matrace/sections/learner.py", "LearnerConfig", "episodes"),
    ("seed_matrace/sections/learner.py", "InferenceConfig", "close"),  # a method of many things that are called alike
    ("seed_matrace/sections/learner.py", "ActorConfig", "num_envs"),
    ("seed_matrace/sections/run.py", "EvaluationConfig", "map_name"),
    ("seed_matrace/sections/run.py", "RunConfig", "path"),  # a run directory's, which is called run
    ("seed_matrace/sections/run.py", "TopologyConfig", "address"),
    ("seed_matrace/starcraft2/options.py", "StarCraft2Options", "episodes"),
    ("seed_matrace/env_options.py", "EnvOptions", "step"),
    ("seed_matrace/smac_options.py", "SmacOptions", "reward_draw"),
    ("seed_matrace/pettingzoo_options.py", "PettingZooOptions", "seed"),
]


def test_options_that_nothing_reads_are_found():
    texts = dict(TEXTS)
    for path, kind, name in UNREAD:
        texts[path] = with_option(texts[path], kind, name)
    known, unread = options_and_unread(texts)
    dead = known - set(OPTIONS)
    assert sorted(option.partition(".")[2] for option in dead) == sorted(name for _, _, name in UNREAD)
    assert unread == IDLE | dead


CHECKED = """
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dead > 3:
            raise ConfigError("no")
"""
PROPERTY = """
    @property
    def half_dead(self) -> float:
        return self.dead / 2
"""


HOSTS, LOSSES = "seed_matrace/training/hosts.py", "seed_matrace/algo/losses.py"
OF_ALL = "def f(config: Config) -> Any:\n    return config.loss"
OF_LOSS = "def f(config: LossConfig) -> Any:\n    return "
KEPT = """
class F:
    def __init__(self, config: Config) -> None:
        _, self._of = config.env, config.loss

    def f(self) -> int:
        loss = self._of
        return loss.dead
"""


@pytest.mark.parametrize(
    ("inside", "path", "outside", "is_read"),
    [
        ("", LOSSES, f"{OF_LOSS}config.dead", True),
        ("", LOSSES, KEPT, True),
        (PROPERTY, HOSTS, f"{OF_ALL}.half_dead", True),
        (PROPERTY, LOSS, "", False),
        (CHECKED, LOSS, "", False),
        ("", LOSS, "def _check(loss: LossConfig) -> None:\n    print(loss.dead)", False),
        ("", TALKS, f"{OF_ALL}.dead", False),
        ("", LOSSES, f"{OF_LOSS}[config.dead for config in others()]", False),
        ("", LOSSES, f"{OF_LOSS}lambda config: config.dead", False),
        ("", LOSSES, KEPT.replace("self._of = config.env, config.loss", "self._of = config.loss, config.env"), False),
    ],
)
def test_only_what_does_something_with_an_option_reads_it(inside, path, outside, is_read):
    texts = TEXTS | {LOSS: with_option(TEXTS[LOSS], "LossConfig", "dead", inside)}
    texts[path] += f"\n\n{outside}\n"
    assert options_and_unread(texts)[1] == (IDLE if is_read else IDLE | {"loss.dead"})


def with_option(text, kind, name, more=""):
    """The text of a module with one more option at the end of a class's fields."""
    before, head, rest = re.split(rf"(^class {kind}\b.*:\n)", text, flags=re.MULTILINE)
    body, *below = re.split(r"(?=^    (?:@|def )|^(?=\S))", rest, maxsplit=1, flags=re.MULTILINE)
    option = f'    {name}: int = _option(0, "dead")\n{more}'
    return "".join([before, head, body.rstrip("\n"), "\n", option, "\n\n", *below])

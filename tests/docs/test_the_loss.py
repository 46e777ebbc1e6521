"""The page that leads through the loss quotes the code as it is, in its order."""

import textwrap

from pages import ROOT, blocks

ALGO = ROOT / "seed_matrace" / "algo"


def test_quoted_lines_are_those_of_the_code():
    quoted = [block.text for block in blocks(ROOT / "docs" / "the_loss.md") if block.language == "python"]
    code = [textwrap.dedent(line) for name in ("losses", "vtrace") for line in (ALGO / f"{name}.py").open()]
    assert len(quoted) == 6
    for text in quoted:
        place = 0
        for line in text.splitlines():
            assert f"{line.lstrip()}\n" in code[place:], line
            place = code.index(f"{line.lstrip()}\n", place) + 1

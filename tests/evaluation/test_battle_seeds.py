"""What is played for one purpose is played for no other."""

import itertools

from seed_matrace.evaluation.battle_seeds import BattlesOf


def test_no_battle_serves_two_purposes():
    first, last = 0, 2**32 - 1
    seeds = {purpose: range(purpose.seed(first), purpose.seed(last) + 1) for purpose in BattlesOf}
    for one, other in itertools.combinations(seeds.values(), 2):
        assert one.stop <= other.start or other.stop <= one.start


def test_recorded_battles_stay_what_they_were():
    assert [purpose.seed(7) for purpose in BattlesOf] == [7, (1 << 32) + 7, (2 << 32) + 7, (3 << 32) + 7]

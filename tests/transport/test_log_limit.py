"""What strangers cause to be logged is said, and counted, but does not fill a disk."""

from seed_matrace.transport.log_limit import LogLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def limited(burst=2):
    said, clock = [], Clock()
    return LogLimit(said.append, burst=burst, clock=clock), said, clock


def test_first_ones_of_each_kind_are_said_and_the_rest_counted():
    log, said, clock = limited()
    for number in range(314):
        log("token", f"wrong token {number}")
    log("schema", "another map")
    assert said == ["wrong token 0", "wrong token 1", "another map"]
    clock.now = 61.0
    log.tick()
    assert said[3:] == ["312 more like this in the last minute, the newest: wrong token 313"]
    log("token", "wrong token again")
    assert said[4:] == ["wrong token again"]


def test_what_is_counted_is_said_at_the_end_too():
    log, said, _ = limited(burst=1)
    for _ in range(3):
        log("token", "wrong token")
    log.close()
    assert said == ["wrong token", "2 more like this in the last minute, the newest: wrong token"]
    log.close()
    assert len(said) == 2


def test_kinds_that_a_stranger_makes_up_are_limited_together():
    log, said, _ = limited()
    for number in range(10_000):
        log(f"kind {number}", f"{number}")
    assert len(said) < 200

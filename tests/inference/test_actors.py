"""What the learner knows of each actor."""

from seed_matrace.inference.actors import ActorFigures, Actors


def joined_actors() -> Actors:
    actors = Actors(group_size=3)
    assert actors.joined(0, (0, 2)) == 1
    assert actors.joined(1, (1, 3)) == 1
    return actors


def test_actor_is_overdue_once_when_it_owes_a_step_for_too_long():
    actors = joined_actors()
    assert actors.wait(4.0, timeout_s=5.0) == []
    actors.sent_step(1)
    assert actors.wait(4.0, timeout_s=5.0) == [0]
    assert actors.wait(4.0, timeout_s=5.0) == [1]  # its other group's step is still owed; 0 was said before
    assert actors.wait(4.0, timeout_s=5.0) == []


def test_actor_that_waits_for_its_learner_is_not_silent():
    actors = joined_actors()
    for group in (0, 1, 2, 3):
        actors.sent_step(group)
    assert actors.wait(100.0, timeout_s=5.0) == []
    actors.were_answered([2])
    assert actors.wait(100.0, timeout_s=5.0) == [0]
    assert actors.figures([0.0] * 4)[0].silent_s == 100.0


def test_figures_tell_what_each_did_over_all_its_connections():
    actors = joined_actors()
    actors.were_answered([0, 2, 0, 1])
    actors.left(0)
    actors.were_answered([2])  # an answer that crossed its end is owed by nobody
    assert actors.wait(100.0, timeout_s=200.0) == []
    assert actors.connected == 1
    assert actors.joined(0, (0, 2)) == 2
    assert actors.task_id_of(2) == 0
    figures = actors.figures([1.0, 2.0, 4.0, 2.0])
    assert figures[0] == ActorFigures(True, connections=2, acted_env_steps=12, policy_lag=2.5, silent_s=0.0)
    assert figures[1] == ActorFigures(True, connections=1, acted_env_steps=3, policy_lag=2.0, silent_s=100.0)

"""``smac.examples`` is left out: importing it says what there is in its place."""

from seed_matrace.skirmish.smac_left_out import left_out_of

left_out_of("smac")("examples")

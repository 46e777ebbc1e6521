"""From the Python BattleRules and SmacOptions to the C Rules and EpisodeRules."""

from libc.stdint cimport int16_t, uint8_t

from battle cimport Rules
from feature_layout cimport FeatureLayout
from outcome cimport EpisodeRules


cdef inline int fill_rules(Rules* target, object source) except -1:
    """Copies numbers and borrows array memory: the caller keeps ``source`` alive."""
    cdef const uint8_t[:, :, ::1] edges = source.edges
    cdef const int16_t[:, ::1] cell_of
    cdef const int16_t[:, ::1] corner
    cdef const float[:, ::1] cell_center
    cdef int mover
    target.delay_low, target.delay_span = source.delay_low, source.delay_span
    target.minimum_damage = source.minimum_damage
    target.help_radius, target.help_period = source.help_radius, source.help_period
    target.attack_own_place = source.attack_own_place
    target.attack_x, target.attack_y = source.attack_point
    target.attack_span_x, target.attack_span_y = source.attack_span
    target.mixed_targets = source.mixed_targets
    target.has_shots, target.has_sweeps = source.has_shots, source.has_sweeps
    target.has_explosions = source.has_explosions
    target.has_recovery = source.has_recovery
    target.has_air = source.has_air
    target.map_x, target.map_y = edges.shape[1], edges.shape[2]
    for mover in range(2):
        target.edges[mover] = &edges[mover, 0, 0]
    target.area_x0, target.area_y0, target.area_x1, target.area_y1 = source.playable_area
    target.cells = 0
    if source.paths is not None:
        cell_of = source.paths.cell_of
        corner = source.paths.corner
        cell_center = source.paths.cell_center
        target.cells = corner.shape[0]
        target.cell_of = &cell_of[0, 0]
        target.corner = &corner[0, 0]
        target.cell_center = &cell_center[0, 0]
    return 0


cdef inline int fill_episode_rules(
    EpisodeRules* target, object options, const FeatureLayout* layout, double reward_divisor
) except -1:
    """What the map's options make of its episodes; borrows the layout's memory."""
    cdef int u
    target.loops_per_step = options.loops_per_step
    target.move_amount = options.move_amount
    target.healer = layout.healer
    target.mmm = False
    for u in range(layout.n_units):
        target.mmm |= layout.healer[u]
    target.sparse = options.reward_sparse
    target.only_positive = options.reward_only_positive
    target.death_value = options.reward_death_value
    target.win = options.reward_win
    target.defeat = options.reward_defeat
    target.negative_scale = options.reward_negative_scale
    target.scale = reward_divisor
    target.scales = options.reward_scale
    target.vitality_scale = 1.0 / options.reward_scale_rate
    target.other_scale = (
        layout.n_enemies * options.reward_death_value + options.reward_win
    ) / options.reward_scale_rate
    return 0

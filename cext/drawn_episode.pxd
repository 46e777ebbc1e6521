"""What a drawn team makes of its episode: whom battle and features show, and what a perfect episode is worth."""

from battle cimport Battle
from draws cimport DrawnTeam
from feature_layout cimport FeatureLayout
from outcome cimport EpisodeRules


cdef inline void show_team(const DrawnTeam* team, Battle* battle, FeatureLayout* layout) noexcept nogil:
    """Points the battle and what is seen of it at the units drawn for it, now and in later episodes."""
    battle.stats = team.stats
    layout.health_max = team.norms
    layout.shield_norm = team.norms + layout.n_units
    layout.gauge_norm = team.norms + 2 * layout.n_units
    layout.type_number = team.type_number
    layout.healer = team.healer


cdef inline EpisodeRules drawn_rules(
    const EpisodeRules* map_rules, const Battle* battle, const DrawnTeam* team
) noexcept nogil:
    """The map's rules, but for which medivacs there are and what rewards are divided by."""
    cdef EpisodeRules rules = map_rules[0]
    cdef double vitality = 0
    cdef int u
    rules.healer = team.healer
    for u in range(battle.n_units):
        rules.mmm |= team.healer[u]
        if u >= battle.n_agents:
            vitality += team.stats[u].health_max + team.stats[u].shield_max
    if rules.scales:
        rules.scale = rules.other_scale + vitality * rules.vitality_scale
    return rules

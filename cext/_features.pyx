"""SMAC's features from NumPy unit tables; the simulator inlines the same kernel."""

from libc.stdint cimport int32_t, uint8_t

from feature_kernel cimport write_features
from feature_layout cimport MAX_UNITS, FeatureLayout, UnitTable
from layout_fields cimport fill_layout


def write_smac_features(
    layout,
    const float[:, :, ::1] units,  # IN
    const int32_t[:, ::1] last_action,  # IN
    const int32_t[::1] step,  # IN
    float[:, :, ::1] obs,  # OUT
    uint8_t[:, :, ::1] avail,  # OUT
    float[:, ::1] state,  # OUT
):
    """Writes E environments' features; see seed_matrace.skirmish.features for shapes and checks."""
    cdef FeatureLayout fields
    cdef UnitTable table
    cdef Py_ssize_t env
    fill_layout(&fields, layout)
    if fields.n_units > MAX_UNITS:
        raise ValueError(f"{fields.n_units} units; at most {MAX_UNITS} fit in one table")
    with nogil:
        for env in range(units.shape[0]):
            table.x = &units[env, 0, 0]
            table.y = &units[env, 1, 0]
            table.health = &units[env, 2, 0]
            table.shield = &units[env, 3, 0]
            table.gauge = &units[env, 4, 0]
            table.last_action = &last_action[env, 0]
            table.step = step[env]
            write_features(&fields, &table, &obs[env, 0, 0], &avail[env, 0, 0], &state[env, 0])


cdef class UnitFeatures:
    """Writes one environment's features from unit objects, such as StarCraft II's messages, for one layout."""

    cdef object layout  # owns the arrays that fields borrows
    cdef FeatureLayout fields
    cdef UnitTable table
    cdef float[5][MAX_UNITS] numbers
    cdef int32_t[MAX_UNITS] last_action

    def __init__(self, layout):
        fill_layout(&self.fields, layout)
        if self.fields.n_units > MAX_UNITS:
            raise ValueError(f"{self.fields.n_units} units; at most {MAX_UNITS} fit in one table")
        self.layout = layout
        self.table.x = self.numbers[0]
        self.table.y = self.numbers[1]
        self.table.health = self.numbers[2]
        self.table.shield = self.numbers[3]
        self.table.gauge = self.numbers[4]
        self.table.last_action = self.last_action

    def write(
        self,
        allies,  # IN
        enemies,  # IN
        const double[:, ::1] last_action,  # IN
        int step,
        float[:, ::1] obs,  # OUT
        uint8_t[:, ::1] avail,  # OUT
        float[::1] state,  # OUT
    ):
        """Writes obs [N, O], avail [N, A] and state [S]; ``seed_matrace.starcraft2.features`` has checked the sizes.

        Units lie under 0, 1, ... and have SMAC's names: pos.x, pos.y, health, shield, weapon_cooldown and energy.
        ``last_action`` is one-hot [N, A], zeros after a reset.
        """
        cdef FeatureLayout* fields = &self.fields
        cdef int unit, action
        for unit in range(fields.n_agents):
            self.read(unit, allies[unit], fields.ally_shields)
            self.last_action[unit] = -1
            for action in range(fields.n_actions):
                if last_action[unit, action] != 0:
                    self.last_action[unit] = action
        for unit in range(fields.n_enemies):
            self.read(fields.n_agents + unit, enemies[unit], fields.enemy_shields)
        self.table.step = step
        write_features(fields, &self.table, &obs[0, 0], &avail[0, 0], &state[0])

    cdef int read(self, int unit, source, bint shields) except -1:
        """Copies what features show of one unit; of a dead one nothing but that it is."""
        cdef object position
        self.numbers[2][unit] = source.health
        if self.numbers[2][unit] <= 0:
            return 0
        position = source.pos
        self.numbers[0][unit] = position.x
        self.numbers[1][unit] = position.y
        if shields:
            self.numbers[3][unit] = source.shield
        if unit < self.fields.n_agents:
            self.numbers[4][unit] = source.energy if self.fields.healer[unit] else source.weapon_cooldown
        return 0

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

"""Many battles stepped in one call, without the GIL and without allocation."""

import numpy as np

from libc.math cimport isfinite
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from battle cimport (
    ATTACK, ATTACK_MOVE, HEAL, MAX_UNITS, UNIT_FLOATS, UNIT_INTS, Battle, Rules, Scratch, Unit, UnitStats
)
from battle_log cimport BattleLog
from drawn_episode cimport drawn_rules, show_team
from draws cimport DrawnTeam, DrawTables, draw_team
from draws_fields cimport fill_draws, fill_team
from episode cimport StepResult, game_loop, start_battle, start_unit, step_battle, take_order, write_units
from feature_kernel cimport write_features
from feature_layout cimport FeatureLayout, UnitTable
from heuristic cimport heuristic_action
from layout_fields cimport fill_layout
from log_fields cimport fill_log
from outcome cimport GOES_ON, WON, EpisodeRules
from random_stream cimport draw_below, stream_key
from rules_fields cimport fill_episode_rules, fill_rules
from teams cimport map_team, number_enemies

cdef enum:
    BATTLE_STREAM = 1
    ACTION_STREAM = 2


cdef class Skirmish:
    """E battles of one map; see seed_matrace.skirmish.vector_env for the checked interface.

    Args (all arrays C-contiguous and kept alive here):
      layout: seed_matrace.skirmish.layout.FeatureLayout, with the options and the time limit.
      stats: UNIT_STATS_DTYPE [U].
      spawn: float32 [U, 2].
      rules: seed_matrace.skirmish.rules.BattleRules, the C struct Rules.
      draws: None, or seed_matrace.skirmish.random_teams.DrawTables: teams and places are drawn for every episode.
      teams: seed_matrace.skirmish.random_teams.DrawnTeams, a row a battle; without units where each slot always has
        the same.
      shuffle_enemies: whether enemies are numbered anew for every battle, or in the order of creation.
      reward_divisor: what rewards are divided by.
      autoreset: whether battles that end start anew in the same step; if not, ``reset`` does it.
      seed, first_env: battle e is random stream first_env + e of seed.
    """

    cdef readonly int num_envs
    cdef dict arguments  # what it was made with, for copies
    cdef bint heuristic_ai, heuristic_rest, autoreset
    cdef FeatureLayout layout
    cdef FeatureLayout* layouts  # of every battle: its units may be others
    cdef Rules rules
    cdef EpisodeRules episode_rules
    cdef bint has_draws, shuffle_enemies, types_vary
    cdef DrawTables draws
    cdef DrawnTeam* drawn  # of every battle
    cdef Battle* battles
    cdef BattleLog log
    cdef object teams, recorded_by
    cdef const UnitStats[::1] stats
    cdef const float[:, ::1] spawn
    cdef float[:, :, ::1] words  # [E, unit, word]: every battle's units, as the C struct Unit
    cdef float[:, :, :] floats  # [E, field, unit]: the real numbers among them
    cdef int32_t[:, :, :] ints
    cdef int32_t[:, ::1] last_action  # as given, whoever chose what was played
    cdef int32_t[:, ::1] orders  # what the last step played
    cdef int32_t[:, ::1] scripted_target
    cdef uint8_t[:, :, ::1] avail  # what the last step showed: the next step is checked against it
    cdef uint8_t[:, :, :, ::1] sweep_marks  # [E, U, lance, U]; no rows where nobody sweeps
    cdef uint64_t[:, ::1] counters  # [E, stream]: draws made
    cdef uint64_t[::1] action_keys
    cdef int32_t[::1] steps
    cdef double[::1] rewards  # of the last step
    cdef double[::1] returns

    def __cinit__(
        self, int num_envs, *, layout, stats, spawn, rules, draws, teams,
        bint shuffle_enemies, double reward_divisor, bint autoreset, uint64_t seed, uint64_t first_env,
    ):
        self.arguments = dict(
            layout=layout, stats=stats, spawn=spawn, rules=rules, draws=draws, teams=teams,
            shuffle_enemies=shuffle_enemies, reward_divisor=reward_divisor, autoreset=autoreset, seed=seed,
            first_env=first_env,
        )
        self.teams = teams
        fill_layout(&self.layout, layout)
        if self.layout.n_units > MAX_UNITS:
            raise ValueError(f"{self.layout.n_units} units; at most {MAX_UNITS} fit in one battle")
        self.num_envs = num_envs
        self.autoreset = autoreset
        self.stats = stats
        self.spawn = spawn
        fill_rules(&self.rules, rules)
        fill_episode_rules(&self.episode_rules, layout.options, &self.layout, reward_divisor)
        self.heuristic_ai = layout.options.heuristic_ai
        self.heuristic_rest = layout.options.heuristic_rest
        self.has_draws = draws is not None
        self.shuffle_enemies = shuffle_enemies
        self.types_vary = teams.stats.shape[1] > 0
        if self.has_draws:
            fill_draws(&self.draws, draws)
        self.allocate()
        for env in range(num_envs):
            self.point_battle(env)
            self.battles[env].random_key = stream_key(seed, first_env + <uint64_t>env, BATTLE_STREAM)
            self.action_keys[env] = stream_key(seed, first_env + <uint64_t>env, ACTION_STREAM)

    def __dealloc__(self):
        free(self.battles)
        free(self.layouts)
        free(self.drawn)

    cdef allocate(self):
        cdef int envs = self.num_envs, agents = self.layout.n_agents
        self.words = np.zeros((envs, (self.layout.n_units + 15) // 16 * 16, sizeof(Unit) // 4), np.float32)
        fields = self.words.base.transpose(0, 2, 1)
        self.floats = fields[:, :UNIT_FLOATS]
        self.ints = fields.view(np.int32)[:, UNIT_FLOATS : UNIT_FLOATS + UNIT_INTS]
        sweepers = self.layout.n_units if self.rules.has_sweeps else 0
        self.sweep_marks = np.zeros((envs, sweepers, 2, self.layout.n_units), np.uint8)
        self.last_action = np.full((envs, agents), -1, np.int32)
        self.orders = np.zeros((envs, agents), np.int32)
        self.scripted_target = np.full((envs, agents), -1, np.int32)
        self.avail = np.zeros((envs, agents, self.layout.n_actions), np.uint8)
        self.counters = np.zeros((envs, 2), np.uint64)
        self.action_keys = np.zeros(envs, np.uint64)
        self.steps = np.zeros(envs, np.int32)
        self.rewards = np.zeros(envs, np.float64)
        self.returns = np.zeros(envs, np.float64)
        self.battles = <Battle*>calloc(envs, sizeof(Battle))
        self.layouts = <FeatureLayout*>calloc(envs, sizeof(FeatureLayout))
        self.drawn = <DrawnTeam*>calloc(envs, sizeof(DrawnTeam))
        if self.battles == NULL or self.layouts == NULL or self.drawn == NULL:
            raise MemoryError(f"{envs} battles")

    cdef int point_battle(self, int env) except -1:
        """Points battle ``env`` at its memory."""
        cdef Battle* battle = &self.battles[env]
        battle.n_agents = self.layout.n_agents
        battle.n_units = self.layout.n_units
        battle.rules = &self.rules
        battle.stats = &self.stats[0]
        battle.units = <Unit*>&self.words[env, 0, 0]
        if self.rules.has_sweeps:
            battle.sweep_marks = &self.sweep_marks[env, 0, 0, 0]
        battle.random_counter = &self.counters[env, 0]
        self.layouts[env] = self.layout
        fill_team(&self.drawn[env], self.teams, env)
        if self.types_vary:
            show_team(&self.drawn[env], battle, &self.layouts[env])
        return 0

    cdef void start(self, int env) noexcept nogil:
        cdef int agent
        cdef Battle* battle = &self.battles[env]
        cdef DrawnTeam* team = &self.drawn[env]
        cdef Scratch scratch
        cdef int created[MAX_UNITS]
        for agent in range(self.layout.n_units):
            created[agent] = agent
        if self.has_draws:
            draw_team(battle, &self.draws, team)
        else:
            map_team(team, &self.stats[0], &self.spawn[0, 0], &self.layout, self.types_vary)
        if self.shuffle_enemies:
            number_enemies(battle, team, self.types_vary, created)
        start_battle(battle, team.spawn, created)
        game_loop(battle, &scratch)  # the game's first observation comes one loop after the enemies set out
        for agent in range(self.layout.n_agents):
            self.last_action[env, agent] = -1
            self.scripted_target[env, agent] = -1
        self.steps[env] = 0
        self.returns[env] = 0

    cdef void look(self, int env, float* obs, float* state) noexcept nogil:
        """Writes what the battle looks like now, and remembers what its agents can do."""
        cdef Battle* battle = &self.battles[env]
        cdef UnitTable units
        cdef float rows[5 * MAX_UNITS]
        cdef int n = battle.n_units
        write_units(battle, rows)
        units.x, units.y = rows, rows + n
        units.health, units.shield, units.gauge = rows + 2 * n, rows + 3 * n, rows + 4 * n
        units.last_action = &self.last_action[env, 0]
        units.step = self.steps[env]
        write_features(&self.layouts[env], &units, obs, &self.avail[env, 0, 0], state)

    cdef void show(self, int env, float* obs, uint8_t* avail, float* state) noexcept nogil:
        """Writes what the battle looks like now."""
        self.look(env, obs, state)
        memcpy(avail, &self.avail[env, 0, 0], self.layout.n_agents * self.layout.n_actions)

    def reset(self, float[:, :, ::1] obs, uint8_t[:, :, ::1] avail, float[:, ::1] state):
        """Starts an episode in every battle."""
        cdef int env
        with nogil:
            for env in range(self.num_envs):
                self.start(env)
                self.show(env, &obs[env, 0, 0], &avail[env, 0, 0], &state[env, 0])

    def first_unavailable(self, const int32_t[:, ::1] actions):
        """(env, agent) of the first action that may not be chosen, or None."""
        cdef int env, agent, action
        for env in range(self.num_envs):
            for agent in range(self.layout.n_agents):
                action = actions[env, agent]
                if action < 0 or action >= self.layout.n_actions or not self.avail[env, agent, action]:
                    return env, agent
        return None

    def available(self, int env, int agent):
        """The actions that ``agent`` of ``env`` may choose now, as a list."""
        return np.flatnonzero(np.asarray(self.avail)[env, agent]).tolist()

    def step(
        self, const int32_t[:, ::1] actions, float[:, :, ::1] obs, uint8_t[:, :, ::1] avail, float[:, ::1] state,
        float[::1] reward, uint8_t[::1] terminated, uint8_t[::1] truncated, float[::1] episode_return,
        int32_t[::1] length, uint8_t[::1] battle_won, int32_t[::1] dead_allies, int32_t[::1] dead_enemies,
        float[:, :, ::1] final_obs, float[:, ::1] final_state,
    ):
        """One env step of every battle. Actions must have been checked.

        ``final_obs`` and ``final_state`` get what ended battles look like before they start anew, unless empty.
        """
        cdef int env
        cdef StepResult result
        cdef EpisodeRules rules
        cdef bint ended, with_final = final_obs.shape[2] > 0
        if with_final:
            final_obs[...] = 0
            final_state[...] = 0
        with nogil:
            for env in range(self.num_envs):
                self.take_orders(env, &actions[env, 0])
                rules = self.episode_rules
                if self.types_vary:
                    rules.healer = self.drawn[env].healer
                if self.has_draws:
                    rules = drawn_rules(&self.episode_rules, &self.battles[env], &self.drawn[env])
                result = step_battle(&self.battles[env], &rules, &self.orders[env, 0])
                self.steps[env] += 1
                self.rewards[env] = result.reward
                self.returns[env] += result.reward
                reward[env] = <float>result.reward
                terminated[env] = result.end_code != GOES_ON
                truncated[env] = not terminated[env] and self.steps[env] >= self.layout.episode_limit
                ended = terminated[env] or truncated[env]
                episode_return[env] = <float>self.returns[env] if ended else 0
                length[env] = self.steps[env] if ended else 0
                battle_won[env] = result.end_code == WON
                dead_allies[env] = self.dead(env, 0, self.layout.n_agents) if ended else 0
                dead_enemies[env] = self.dead(env, self.layout.n_agents, self.layout.n_units) if ended else 0
                if ended and with_final:
                    self.look(env, &final_obs[env, 0, 0], &final_state[env, 0])
                if ended and self.autoreset:
                    self.start(env)
                self.show(env, &obs[env, 0, 0], &avail[env, 0, 0], &state[env, 0])

    cdef void take_orders(self, int env, const int32_t* actions) noexcept nogil:
        """The given actions, or what the scripted team does instead."""
        cdef int agent
        for agent in range(self.layout.n_agents):
            self.last_action[env, agent] = actions[agent]
            self.orders[env, agent] = actions[agent]
            if self.heuristic_ai:
                self.orders[env, agent] = heuristic_action(
                    &self.battles[env], &self.layouts[env], &self.avail[env, agent, 0], agent, self.heuristic_rest,
                    &self.scripted_target[env, agent],
                )

    cdef int dead(self, int env, int first, int last) noexcept nogil:
        cdef int u, count = 0
        for u in range(first, last):
            count += self.battles[env].units[u].health <= 0
        return count

    def sample_actions(self, int32_t[:, ::1] actions):
        """Fills ``actions`` with uniformly drawn available ones, from streams that battles do not use."""
        cdef int env, agent, action = 0, pick
        cdef uint32_t count
        with nogil:
            for env in range(self.num_envs):
                for agent in range(self.layout.n_agents):
                    count = 0
                    for action in range(self.layout.n_actions):
                        count += self.avail[env, agent, action]
                    pick = <int>draw_below(self.action_keys[env], &self.counters[env, 1], count)
                    for action in range(self.layout.n_actions):
                        pick -= self.avail[env, agent, action]
                        if pick < 0:
                            break
                    actions[env, agent] = action

    def order(self, int env, int unit, int order, int target, float x, float y):
        """Gives a living unit an order, seed_matrace.skirmish.units.Order; returns whether the game takes it.

        ``target`` is a slot of the other side, of a healer's own; only attacks look at it.
        """
        cdef int units = self.layout.n_units
        if not (0 <= env < self.num_envs and 0 <= unit < units and 0 <= order <= ATTACK_MOVE and -1 <= target < units):
            raise IndexError(f"battle {env}, unit {unit}, order {order}, target {target}")
        if order == ATTACK and target < 0:
            raise IndexError(f"unit {unit}: an attack needs a target")
        if order == ATTACK:
            agents = self.layout.n_agents
            heals = self.battles[env].stats[unit].effect == HEAL
            if ((unit < agents) == (target < agents)) != heals:
                raise IndexError(f"unit {unit}: target {target} is of the {'other' if heals else 'own'} side")
        if not (isfinite(x) and isfinite(y)):
            raise ValueError(f"unit {unit}: ({x}, {y}) is no place")
        return bool(take_order(&self.battles[env], unit, order, target if order == ATTACK else -1, x, y))

    def advance(self, int env, int loops):
        """Plays game loops of one battle; nothing is shown, rewarded or ended."""
        cdef Scratch scratch
        cdef int _loop
        if not 0 <= env < self.num_envs:
            raise IndexError(f"battle {env}")
        with nogil:
            for _loop in range(loops):
                game_loop(&self.battles[env], &scratch)

    def place(self, int env, int unit, float x, float y):
        """Puts a full unit that wants nothing into a slot, whoever was there."""
        if not (0 <= env < self.num_envs and 0 <= unit < self.layout.n_units):
            raise IndexError(f"battle {env}, unit {unit}")
        if not (0 <= x <= self.rules.map_x and 0 <= y <= self.rules.map_y):
            raise ValueError(f"({x}, {y}) is off the map of {self.rules.map_x} by {self.rules.map_y}")
        start_unit(&self.battles[env], unit, x, y)

    def intents(self, int env):
        """Copies of what the units of one battle are at: order, target int32 [2, U] and goal float32 [2, U]."""
        cdef int units = self.layout.n_units
        return np.array(self.ints[env, :2, :units]), np.array(self.floats[env, 5:7, :units])

    def memory(self):
        """Everything that changes, as arrays that share the battles' memory."""
        return [
            self.floats.base, self.ints.base, self.sweep_marks.base, self.last_action.base, self.scripted_target.base,
            self.avail.base, self.counters.base, self.steps.base, self.returns.base, self.teams.stats,
            self.teams.norms, self.teams.type_number, self.teams.healer,
        ]

    def __reduce__(self):
        """For copies and pickles, which go on bit for bit; what never changes is shared with a copy."""
        changing = [*self.memory(), self.rewards.base, self.orders.base]
        counts = self.log.loops, self.log.count
        return restored, (self.num_envs, self.arguments, changing, self.recorded_by, counts)

    cdef restore(self, changing, log, counts):
        for array, stood in zip([*self.memory(), self.rewards.base, self.orders.base], changing, strict=True):
            array[...] = stood
        if log is not None:
            self.record(log)
            self.log.loops, self.log.count = counts

    def last_step(self):
        """Copies of the last step's rewards, float64 [E], and of the actions it played, int32 [E, N]."""
        return np.array(self.rewards), np.array(self.orders)

    def record(self, log):
        """From now on every step of battle 0 writes into ``log``, seed_matrace.skirmish.recording.StepLog."""
        if log.units.shape[1:] != (5, self.layout.n_units) or log.intents.shape != (2, self.layout.n_units):
            raise ValueError(f"a log of {log.intents.shape[1]} units for a battle of {self.layout.n_units}")
        fill_log(&self.log, log)
        self.recorded_by = log
        self.battles[0].log = &self.log

    def recorded(self):
        """How many game loops and events of the last step are in the log."""
        return self.log.loops, self.log.count

    def drawn_types(self):
        """Who is in the slots in the episodes at hand: UNIT_STATS_DTYPE [E, U]; U = 0 where it is always the map's."""
        return np.array(self.teams.stats)

    def units(self):
        """Copies of x, y, health, shield, gauge: float32 [E, 5, U], for viewers and tests."""
        return np.asarray(self.floats)[:, :5, : self.layout.n_units].copy()


def restored(int num_envs, arguments, changing, log, counts):
    """Battles as ``Skirmish.__reduce__`` described them."""
    cdef Skirmish battles = Skirmish(num_envs, **arguments)
    battles.restore(changing, log, counts)
    return battles

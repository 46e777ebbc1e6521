// What a replay says: arrays as replay.py describes them, and questions about them.

const EVENTS = ["shot", "hit", "heal", "blast"];
const ARRAY_OF = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array, f4: Float32Array };
const X = 0, Y = 1, HEALTH = 2, SHIELD = 3, GAUGE = 4;

async function unpack({ dtype, shape, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { shape, values: new ARRAY_OF[dtype](await new Response(stream).arrayBuffer()) };
}

class Replay {
  static async decode(packed) {
    const arrays = {};
    for (const [name, array] of Object.entries(packed.arrays)) arrays[name] = await unpack(array);
    return new Replay(packed.about, packed.steps, arrays);
  }

  constructor(about, columnSteps, arrays) {
    this.about = about;
    this.arrays = arrays;
    this.types = about.units.map((name) => about.types[name]);
    this.nUnits = about.units.length;
    this.nAgents = about.n_agents;
    this.steps = arrays.actions.shape[0];
    this.frames = arrays.units.shape[0];
    this.perStep = about.frames_per_step;
    this.nActions = arrays.avail_actions.shape[2];
    [this.width, this.height] = arrays.ground.shape;
    this.table = this.#units(arrays.units.values, columnSteps);
    this.deaths = this.types.map((_, unit) => this.#deathOf(unit));
    this.events = this.#events(arrays.events);
    let sum = 0;
    this.returns = Array.from(arrays.rewards.values, (reward) => (sum += reward));
  }

  // Differences from frame to frame, back to cells, points and game loops.
  #units(differences, columnSteps) {
    const table = new Float32Array(differences.length);
    const size = 5 * this.nUnits, sums = new Uint16Array(size);
    for (let i = 0; i < differences.length; i++) {
      const offset = i % size;
      sums[offset] += differences[i];
      table[i] = sums[offset] / columnSteps[Math.floor(offset / this.nUnits)];
    }
    return table;
  }

  #deathOf(unit) {
    for (let frame = 0; frame < this.frames; frame++) if (this.at(frame, HEALTH, unit) <= 0) return frame;
    return Infinity;
  }

  // A missile flies from its shot to the next hit of whoever shot it, where that is of a later frame.
  #events({ values, shape }) {
    const events = [], underWay = new Map();
    for (let i = 0; i < shape[0]; i++) {
      const [frame, kind, unit, target, amount] = values.subarray(5 * i, 5 * i + 5);
      const event = { frame, kind: EVENTS[kind], unit, target, amount: amount / 16, until: frame };
      if (event.kind === "shot") {
        event.until = frame + 6 / this.about.loops_per_frame;
        underWay.set(unit, event);
      } else if (event.kind === "hit" && underWay.get(unit)?.target === target) {
        if (frame > underWay.get(unit).frame) underWay.get(unit).until = frame;
        underWay.delete(unit);
      }
      events.push(event);
    }
    return events;
  }

  at(frame, column, unit) { return this.table[(frame * 5 + column) * this.nUnits + unit]; }

  alive(frame, unit) { return frame < this.deaths[unit]; }

  // Where a unit is between two frames.
  position(frame, unit) {
    const before = Math.min(Math.floor(frame), this.frames - 1), after = Math.min(before + 1, this.frames - 1);
    const fraction = frame - before;
    const between = (column) => {
      const start = this.at(before, column, unit);
      return start + fraction * (this.at(after, column, unit) - start);
    };
    return [between(X), between(Y)];
  }

  // The env step whose actions lead from here; at the end the last one.
  stepAt(frame) { return Math.min(Math.floor(frame / this.perStep), this.steps - 1); }

  // Events of the frames after ``first`` up to ``last``; they are sorted.
  eventsBetween(first, last) {
    let low = 0, high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].frame > first) high = middle; else low = middle + 1;
    }
    const found = [];
    for (; low < this.events.length && this.events[low].frame <= last; low++) found.push(this.events[low]);
    return found;
  }

  action(step, agent) { return this.arrays.actions.values[step * this.nAgents + agent]; }

  available(step, agent, action) {
    return this.arrays.avail_actions.values[(step * this.nAgents + agent) * this.nActions + action] === 1;
  }

  get hasProbabilities() { return this.arrays.probabilities.shape[2] > 0; }

  probability(step, agent, action) {
    return this.arrays.probabilities.values[(step * this.nAgents + agent) * this.nActions + action] / 65535;
  }

  get hasValues() { return this.arrays.values.shape[1] > 0; }

  // Of the team, or of an agent where each has its own.
  value(step, agent = 0) {
    const columns = this.arrays.values.shape[1];
    return this.arrays.values.values[step * columns + (columns > 1 ? agent : 0)];
  }

  name(unit) { return `${this.about.units[unit]} ${unit < this.nAgents ? unit : unit - this.nAgents}`; }

  // Who an action is aimed at; healers aim at their own side.
  targetOf(agent, action) {
    if (action < 6) return -1;
    return this.types[agent].effect === "heal" ? action - 6 : this.nAgents + action - 6;
  }

  actionName(agent, action) {
    const target = this.targetOf(agent, action);
    if (target < 0) return ["no-op", "stop", "north", "south", "east", "west"][action];
    return `${this.types[agent].effect === "heal" ? "heal" : "attack"} ${this.name(target)}`;
  }

  distance(frame, unit, other) {
    return Math.hypot(this.at(frame, X, other) - this.at(frame, X, unit), this.at(frame, Y, other) - this.at(frame, Y, unit));
  }
}

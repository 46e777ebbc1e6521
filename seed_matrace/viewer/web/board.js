// Paints one replay on one canvas: ground, units, and what flies between them.

const EFFECT_LOOPS = 12;  // how long the longest trace of an event is seen

class Board {
  constructor(replay, canvas, shapes, colours) {
    Object.assign(this, { replay, canvas, shapes, colours, context: canvas.getContext("2d") });
    this.box = this.#walkableBox();
    this.events = [];
  }

  #walkableBox() {
    const { values } = this.replay.arrays.ground, { width, height } = this.replay;
    const box = { left: width, bottom: height, right: 0, top: 0 };
    for (let x = 0; x < width; x++) for (let y = 0; y < height; y++) {
      if (values[x * height + y] !== 1) continue;
      box.left = Math.min(box.left, x - 1); box.right = Math.max(box.right, x + 2);
      box.bottom = Math.min(box.bottom, y - 1); box.top = Math.max(box.top, y + 2);
    }
    return box;
  }

  // Fits the canvas to its width on the page; the ground is painted once and copied from then on.
  resize() {
    const ratio = window.devicePixelRatio || 1, { left, right, bottom, top } = this.box;
    this.cell = (this.canvas.clientWidth * ratio) / (right - left);
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.cell * (top - bottom));
    this.thin = Math.max(1, ratio);
    this.ground = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    this.#paintGround(this.ground.getContext("2d"));
  }

  #paintGround(context) {
    const { ground, height } = this.replay.arrays, rows = this.replay.height;
    context.fillStyle = this.colours.void;
    context.fillRect(0, 0, this.ground.width, this.ground.height);
    for (let x = this.box.left; x < this.box.right; x++) for (let y = this.box.bottom; y < this.box.top; y++) {
      const kind = ground.values[x * rows + y];
      if (!kind) continue;  // void, also beyond the map
      const [px, py] = this.pixel(x, y + 1);
      context.fillStyle = kind === 1 ? this.colours.floor : this.colours.cliff;
      context.fillRect(px, py, this.cell + 1, this.cell + 1);
      context.fillStyle = `rgba(255, 255, 255, ${Math.max(0, (height.values[x * rows + y] - 191) / 50)})`;
      context.fillRect(px, py, this.cell + 1, this.cell + 1);
    }
  }

  pixel(x, y) { return [(x - this.box.left) * this.cell, (this.box.top - y) * this.cell]; }

  unitPixel(unit) { return this.pixel(...this.replay.position(this.frame, unit)); }

  // Game loops since a frame.
  age(frame) { return (this.frame - frame) * this.replay.about.loops_per_frame; }

  radius(unit) { return Math.max(this.replay.types[unit].radius * this.cell, 4 * this.thin); }

  // The living unit at a point of the page, or -1.
  unitAt(clientX, clientY) {
    const rect = this.canvas.getBoundingClientRect(), scale = this.canvas.width / rect.width;
    const x = (clientX - rect.left) * scale, y = (clientY - rect.top) * scale;
    let best = -1, nearest = Infinity;
    for (let unit = 0; unit < this.replay.nUnits; unit++) {
      if (!this.replay.alive(this.frame, unit)) continue;
      const [ux, uy] = this.unitPixel(unit), apart = Math.hypot(ux - x, uy - y);
      if (apart < Math.max(this.radius(unit), 12 * this.thin) && apart < nearest) [best, nearest] = [unit, apart];
    }
    return best;
  }

  paint(frame, { selected, ranges }) {
    this.frame = Math.min(frame, this.replay.frames - 1);
    this.events = this.replay.eventsBetween(this.frame - EFFECT_LOOPS / this.replay.about.loops_per_frame, this.frame);
    this.context.drawImage(this.ground, 0, 0);
    const units = this.replay.types.map((_, unit) => unit);
    const living = units.filter((unit) => this.replay.alive(this.frame, unit));
    units.forEach((unit) => this.#paintDeath(unit));
    if (ranges) living.forEach((unit) => this.#paintRange(unit));
    if (selected >= 0 && this.replay.alive(this.frame, selected)) this.#paintSelection(selected);
    living.filter((unit) => !this.replay.types[unit].flies).forEach((unit) => this.#paintUnit(unit));
    this.events.forEach((event) => this.#paintEvent(event));
    living.filter((unit) => this.replay.types[unit].flies).forEach((unit) => this.#paintUnit(unit));
  }

  #side(unit) { return unit < this.replay.nAgents ? "ally" : "enemy"; }

  #line(points, colour, width, alpha = 1) {
    const context = this.context;
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.lineWidth = width * this.thin;
    context.beginPath();
    points.forEach(([x, y]) => context.lineTo(x, y));
    context.stroke();
    context.globalAlpha = 1;
  }

  #circle([x, y], radius, colour, width, { alpha = 1, fraction = 1, dash = [] } = {}) {
    const context = this.context;
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.lineWidth = width * this.thin;
    context.setLineDash(dash);
    context.beginPath();
    context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * fraction);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  #outline([x, y], radius, unit) {
    const points = this.shapes[this.replay.about.units[unit]] ?? this.shapes.other;
    this.context.beginPath();
    points.forEach(([dx, dy]) => this.context.lineTo(x + dx * radius, y - dy * radius));
    this.context.closePath();
  }

  #paintUnit(unit) {
    const { context, colours, replay } = this, type = replay.types[unit], side = this.#side(unit);
    const frame = Math.floor(this.frame), at = this.unitPixel(unit), radius = this.radius(unit);
    const health = replay.at(frame, HEALTH, unit) / type.health;
    context.save();
    this.#outline(at, radius, unit);
    context.fillStyle = colours[`${side}-lost`];
    context.fill();
    context.clip();
    context.fillStyle = colours[side];
    context.fillRect(at[0] - radius, at[1] + radius - 2 * radius * health, 2 * radius, 2 * radius * health);
    context.restore();
    this.#outline(at, radius, unit);
    context.strokeStyle = colours.edge;
    context.lineWidth = this.thin;
    context.stroke();
    const shield = type.shield ? replay.at(frame, SHIELD, unit) / type.shield : 0;
    if (shield > 0) this.#circle(at, radius + 2 * this.thin, colours.shield, 2, { fraction: shield });
    const gauge = Math.min(replay.at(frame, GAUGE, unit) / type.gauge, 1);
    const colour = type.effect === "heal" ? colours.energy : colours.cooldown;
    if (gauge > 0) this.#circle(at, radius + 4.5 * this.thin, colour, 1.5, { fraction: gauge });
    if (side === "ally" && radius > 8 * this.thin) this.#label(at, unit);
  }

  #label([x, y], text) {
    const context = this.context;
    context.font = `600 ${10 * this.thin}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 2.5 * this.thin;
    context.strokeStyle = this.colours.edge;
    context.strokeText(text, x, y);
    context.fillStyle = this.colours.mark;
    context.fillText(text, x, y);
  }

  #paintDeath(unit) {
    const age = this.age(this.replay.deaths[unit]);
    if (age < 0) return;
    const [x, y] = this.pixel(...this.replay.position(this.replay.deaths[unit], unit));
    const fresh = Math.max(0, 1 - age / EFFECT_LOOPS), size = this.radius(unit) * (0.6 + fresh);
    const colour = this.colours[this.#side(unit)];
    for (const sign of [-1, 1]) {
      this.#line([[x - size, y - sign * size], [x + size, y + sign * size]], colour, 1.5 + 2 * fresh, 0.35 + 0.65 * fresh);
    }
  }

  #paintRange(unit) {
    const { radius, range } = this.replay.types[unit];
    this.#circle(this.unitPixel(unit), (radius + range) * this.cell, this.colours[this.#side(unit)], 1, { alpha: 0.4 });
  }

  #paintSelection(unit) {
    const at = this.unitPixel(unit), { replay, colours, thin } = this;
    this.#circle(at, this.radius(unit) + 8 * thin, colours.mark, 3);
    this.#circle(at, this.radius(unit) + 8 * thin, colours.edge, 1);
    this.#paintRange(unit);
    if (unit < replay.nAgents) {
      this.#circle(at, replay.about.sight_range * this.cell, colours.quiet, 1.5, { dash: [6 * thin, 5 * thin] });
    }
    const target = replay.arrays.intents.values[(replay.stepAt(this.frame) * 2 + 1) * replay.nUnits + unit];
    if (target >= 0 && replay.alive(this.frame, target)) this.#line([at, this.unitPixel(target)], colours.text, 1, 0.7);
  }

  #paintEvent({ frame, kind, unit, target, until }) {
    const age = this.age(frame), { colours, replay } = this;
    if (kind === "heal" && age < 2) {
      const patient = this.unitPixel(target), size = 3 * this.thin;
      this.#line([this.unitPixel(unit), patient], colours.heal, 3, 0.8);
      this.#line([[patient[0] - size, patient[1]], [patient[0] + size, patient[1]]], colours.mark, 2);
      this.#line([[patient[0], patient[1] - size], [patient[0], patient[1] + size]], colours.mark, 2);
    } else if (kind === "hit" && age < 4) {
      this.#circle(this.unitPixel(target), this.radius(target) * (0.6 + 0.15 * age), colours.shot, 2, { alpha: 1 - age / 4 });
    } else if (kind === "blast") {
      const reach = replay.types[unit].splash_radius * this.cell * Math.min(1, (age + 2) / 6);
      const [x, y] = this.pixel(...replay.position(frame, unit)), context = this.context;
      context.globalAlpha = 0.45 * (1 - age / EFFECT_LOOPS);
      context.fillStyle = colours.blast;
      context.beginPath();
      context.arc(x, y, reach, 0, 2 * Math.PI);
      context.fill();
      this.#circle([x, y], reach, colours.blast, 2, { alpha: 1 - age / EFFECT_LOOPS });
    } else if (kind === "shot") {
      this.#paintShot(replay.types[unit], { frame, unit, target, until }, age);
    }
  }

  #paintShot(type, { frame, unit, target, until }, age) {
    const from = this.replay.position(frame, unit), to = this.replay.position(this.frame, target);
    if (type.effect === "sweep") {
      this.#paintSweep(type, from, this.replay.position(frame, target), age);
    } else if (type.effect === "missile") {
      if (this.frame > until) return;
      const fraction = (this.frame - frame) / (until - frame), tail = Math.max(0, fraction - 0.25);
      const on = (part) => this.pixel(from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1]));
      this.#line([on(tail), on(fraction)], this.colours.shot, 3);
    } else if (age < 3) {
      this.#line([this.pixel(...from), this.pixel(...to)], this.colours.shot, 2, 1 - age / 3);
    }
  }

  // Two lances cross on a line at right angles to the shot.
  #paintSweep(type, from, middle, age) {
    const distance = Math.hypot(middle[0] - from[0], middle[1] - from[1]) || 1;
    const across = [-(middle[1] - from[1]) / distance, (middle[0] - from[0]) / distance];
    const reach = type.sweep_reach, end = (2 * reach) / type.sweep_speed;
    const along = Math.min(type.sweep_speed * age - reach, reach);
    const on = (way) => this.pixel(middle[0] + way * across[0], middle[1] + way * across[1]);
    const alpha = age <= end ? 1 : Math.max(0, 1 - (age - end) / 4);
    for (const side of [-1, 1]) {
      this.#line([on(-side * reach), on(side * along)], this.colours.lance, 4, 0.6 * alpha);
      if (age <= end) this.#line([this.pixel(...from), on(side * along)], this.colours.lance, 2);
    }
  }
}

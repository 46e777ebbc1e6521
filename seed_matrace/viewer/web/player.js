// The page: time, controls, keys, and who is selected.

const LOOPS_PER_SECOND = 16;
const SPEEDS = ["0.25", "0.5", "1", "2", "4"];
const element = (id) => document.getElementById(id);

class Player {
  constructor(replays, shapes) {
    this.replays = replays;
    this.shapes = shapes;
    this.colours = {};
    this.time = 0;  // game loops
    this.playing = false;
    this.selected = { board: -1, unit: -1 };
    this.length = Math.max(...replays.map((replay) => (replay.frames - 1) * replay.about.loops_per_frame));
    this.stepLoops = replays[0].perStep * replays[0].about.loops_per_frame;
    this.boards = replays.map((replay) => this.#addBoard(replay));
    element("boards").classList.toggle("one", replays.length === 1);
    element("scrub").max = this.length;
    this.#paintLegend();
    this.#listen();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.setTheme(dark.matches));
    this.setTheme(dark.matches);
  }

  #addBoard(replay) {
    const { map, env_steps: steps, battle_won: won, backend, battle } = replay.about;
    const trained = steps === undefined ? "" : `after ${steps.toLocaleString("en")} env steps, `;
    const outcome = make("span", { class: won ? "won" : "lost" }, won ? "won" : "not won");
    const more = make("span", { class: "more" }, `${trained}${backend}${battle === undefined ? "" : `, battle ${battle}`}`);
    const field = make("canvas", { class: "field" }), chart = make("canvas", { class: "chart" });
    element("boards").append(make("section", {}, make("h2", {}, `${map} `, outcome, " ", more), field, chart));
    const board = new Board(replay, field, this.shapes, this.colours), index = element("boards").childElementCount - 1;
    field.addEventListener("click", (event) => this.select(index, board.unitAt(event.clientX, event.clientY)));
    this.#scrubOn(chart, (fraction) => this.setTime(fraction * (replay.frames - 1) * replay.about.loops_per_frame));
    return Object.assign(board, { chart });
  }

  #scrubOn(canvas, set) {
    const move = (event) => { if (event.buttons & 1) set(fractionAt(canvas, event.clientX)); };
    canvas.addEventListener("pointerdown", move);
    canvas.addEventListener("pointermove", move);
  }

  #listen() {
    const actions = {
      first: () => this.setTime(0), back: () => this.step(-1), forward: () => this.step(1),
      play: () => this.toggle(), theme: () => this.toggleTheme(),
    };
    for (const [id, action] of Object.entries(actions)) element(id).addEventListener("click", action);
    element("scrub").addEventListener("input", () => this.setTime(Number(element("scrub").value)));
    element("ranges").addEventListener("change", () => this.paint());
    new ResizeObserver(() => this.resize()).observe(element("boards"));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const loop = event.shiftKey ? 1 / this.stepLoops : 1;
    const keys = {
      " ": () => this.toggle(), ArrowLeft: () => this.step(-loop), ArrowRight: () => this.step(loop),
      Home: () => this.setTime(0), End: () => this.setTime(this.length),
      "+": () => this.changeSpeed(1), "=": () => this.changeSpeed(1), "-": () => this.changeSpeed(-1),
      r: () => element("ranges").click(), t: () => this.toggleTheme(), n: () => this.selectNext(),
      Escape: () => this.select(-1, -1),
    };
    const action = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  // Time

  toggle() {
    if (!this.playing && this.time >= this.length) this.time = 0;
    this.playing = !this.playing;
    element("play").textContent = this.playing ? "Pause" : "Play";
    this.before = undefined;
    if (this.playing) requestAnimationFrame((now) => this.#tick(now));
  }

  #tick(now) {
    if (!this.playing) return;
    const seconds = this.before === undefined ? 0 : (now - this.before) / 1000;
    this.before = now;
    const loop = Math.floor(this.time);
    this.time = Math.min(this.length, this.time + seconds * LOOPS_PER_SECOND * Number(element("speed").value));
    if (this.time >= this.length) this.toggle();
    this.paint(Math.floor(this.time) !== loop);
    requestAnimationFrame((next) => this.#tick(next));
  }

  setTime(time) {
    this.time = Math.min(this.length, Math.max(0, time));
    this.paint();
  }

  step(count) {
    if (this.playing) this.toggle();
    const at = this.time / this.stepLoops;
    const from = Math.abs(count) < 1 ? at : count > 0 ? Math.floor(at + 1e-6) : Math.ceil(at - 1e-6);
    this.setTime((from + count) * this.stepLoops);
  }

  changeSpeed(way) {
    const index = SPEEDS.indexOf(element("speed").value) + way;
    element("speed").value = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, index))];
  }

  // Selection

  select(board, unit) {
    this.selected = unit >= 0 ? { board, unit } : { board: -1, unit: -1 };
    element("details").hidden = unit < 0;
    const words = make("div", { class: "words" }), odds = make("div", { class: "odds" });
    element("details").replaceChildren(...(unit < 0 ? [] : [words, odds]));
    if (unit >= 0 && unit < this.replays[board].nAgents) {
      odds.append(
        make("p", {}, "Its actions over the battle: the bluer, the likelier; the dot is what it did; grey was not available."),
        make("canvas", {}),
      );
    }
    this.paint();
  }

  selectNext() {
    const board = Math.max(0, this.selected.board), { nUnits } = this.replays[board];
    const frame = this.boards[board].frame;
    for (let way = 1; way <= nUnits; way++) {
      const unit = (this.selected.unit + way + nUnits) % nUnits;
      if (this.replays[board].alive(frame, unit)) return this.select(board, unit);
    }
  }

  // Painting

  setTheme(dark) {
    document.documentElement.classList.toggle("dark", dark);
    const style = getComputedStyle(document.documentElement);
    for (const name of style.length ? PALETTE : []) this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    this.resize();
  }

  toggleTheme() { this.setTheme(!document.documentElement.classList.contains("dark")); }

  resize() {
    this.boards.forEach((board) => board.resize());
    this.paint();
  }

  // The fields; with ``charts`` what is said and painted around them, which need not follow every picture.
  paint(charts = true) {
    this.boards.forEach((board, index) => {
      const mine = this.selected.board === index, { replay } = board;
      const frame = Math.min(this.time / replay.about.loops_per_frame, replay.frames - 1);
      board.paint(frame, { selected: mine ? this.selected.unit : -1, ranges: element("ranges").checked });
      if (!charts) return;
      paintCurves(board.chart, replay, frame, mine && this.selected.unit < replay.nAgents ? this.selected.unit : 0, this.colours);
      if (mine) this.#paintDetails(replay, frame);
    });
    element("scrub").value = this.time;
    const steps = Math.ceil(this.length / this.stepLoops), step = Math.floor(this.time / this.stepLoops + 1e-6);
    element("clock").value = `step ${step} of ${steps}, ${(this.time / LOOPS_PER_SECOND).toFixed(1)} s`;
  }

  #paintDetails(replay, frame) {
    const { unit } = this.selected, words = make("div", { class: "words" }, ...describeUnit(replay, frame, unit));
    const shown = element("details").firstChild;
    if (!words.isEqualNode(shown)) shown.replaceWith(words);
    const canvas = element("details").querySelector("canvas");
    if (canvas) paintProbabilities(canvas, replay, frame, unit, this.colours);
  }

  #paintLegend() {
    const names = new Set(this.replays.flatMap((replay) => replay.about.units));
    const entries = [...names].map((name) => make("span", {}, shape(this.shapes[name] ?? this.shapes.other), name));
    const sides = [["ally", "the team"], ["enemy", "the enemy"]].map(([side, name]) => make("span", { class: side }, `\u25a0 ${name}`));
    element("legend").replaceChildren(...sides, ...entries);
  }
}

const PALETTE = [
  "floor", "void", "cliff", "ally", "ally-lost", "enemy", "enemy-lost", "shield", "cooldown", "energy", "heal", "shot",
  "lance", "blast", "edge", "mark", "value", "text", "quiet", "line", "panel",
];

async function main() {
  const { replays, shapes } = JSON.parse(element("data").textContent);
  window.player = new Player(await Promise.all(replays.map(Replay.decode)), shapes);
}

main();

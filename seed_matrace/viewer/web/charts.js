// Curves of a battle against env steps, and one agent's probabilities; a click or drag sets the time.

function chartSpace(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return { context, width, height };
}

function playhead(context, x, top, bottom, colour) {
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, top);
  context.lineTo(x, bottom);
  context.stroke();
}

const LEFT = 34, RIGHT = 8;

// The env step at a point of a chart, as a fraction of them all.
function fractionAt(canvas, clientX, left = LEFT) {
  const rect = canvas.getBoundingClientRect();
  return Math.min(1, Math.max(0, (clientX - rect.left - left) / (rect.width - left - RIGHT)));
}

function paintCurves(canvas, replay, frame, agent, colours) {
  const { context, width, height } = chartSpace(canvas, 120), top = 20, bottom = height - 16;
  const steps = Array.from({ length: replay.steps }, (_, step) => step);
  const curves = [{ name: "reward so far", colour: colours.ally, values: replay.returns, first: 1 }];
  if (replay.hasValues) {
    const whose = replay.arrays.values.shape[1] > 1 ? ` of agent ${Math.max(agent, 0)}` : "";
    const values = steps.map((step) => replay.value(step, Math.max(agent, 0)));
    curves.push({ name: `value estimate${whose}`, colour: colours.value, values, first: 0 });
  }
  const all = curves.flatMap(({ values }) => values);
  const low = Math.min(0, ...all), high = Math.max(1e-6, ...all);
  const xOf = (step) => LEFT + (step / replay.steps) * (width - LEFT - RIGHT);
  const yOf = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  context.textAlign = "right";
  for (const value of [low, (low + high) / 2, high]) {
    context.fillStyle = colours.quiet;
    context.fillText(value.toFixed(high - low < 10 ? 1 : 0), LEFT - 5, yOf(value));
    context.fillStyle = colours.line;
    context.fillRect(LEFT, yOf(value), width - LEFT - RIGHT, 1);
  }
  context.fillStyle = colours.quiet;
  context.fillText(`${replay.steps} env steps`, width - RIGHT, height - 7);
  context.textAlign = "left";
  let labelX = LEFT;
  for (const { name, colour, values, first } of curves) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    values.forEach((value, step) => context.lineTo(xOf(step + first), yOf(value)));
    context.stroke();
    const now = values[Math.max(0, Math.min(values.length - 1, Math.floor(frame / replay.perStep) - first))];
    const label = `${name} ${first && frame < replay.perStep ? "0.0" : now.toFixed(1)}`;
    context.fillText(label, labelX, 9);
    labelX += context.measureText(label).width + 16;
  }
  playhead(context, xOf(Math.min(frame / replay.perStep, replay.steps)), top, bottom, colours.text);
}

const ROW = 15, NAMES = 118;

// A row for each action that is ever available: shade is probability, a dot what was chosen, hatching not available.
function paintProbabilities(canvas, replay, frame, agent, colours) {
  const actions = [];
  for (let action = 0; action < replay.nActions; action++) {
    for (let step = 0; step < replay.steps; step++) {
      if (replay.available(step, agent, action)) { actions.push(action); break; }
    }
  }
  const { context, width, height } = chartSpace(canvas, actions.length * ROW + 4);
  const column = (width - NAMES - RIGHT) / replay.steps;
  context.textAlign = "right";
  actions.forEach((action, row) => {
    const y = 2 + row * ROW;
    context.globalAlpha = 1;
    context.fillStyle = colours.text;
    context.fillText(replay.actionName(agent, action), NAMES - 6, y + ROW / 2);
    for (let step = 0; step < replay.steps; step++) {
      const x = NAMES + step * column;
      const open = replay.available(step, agent, action);
      context.globalAlpha = open ? 1 : 0.5;
      context.fillStyle = open ? colours.panel : colours.line;
      context.fillRect(x, y + 1, column + 0.5, ROW - 2);
      if (!open) continue;
      context.globalAlpha = replay.hasProbabilities ? replay.probability(step, agent, action) : 0;
      context.fillStyle = colours.ally;
      context.fillRect(x, y + 1, column + 0.5, ROW - 2);
      if (replay.action(step, agent) !== action) continue;
      context.globalAlpha = 1;
      context.fillStyle = colours.enemy;
      context.beginPath();
      context.arc(x + column / 2, y + ROW / 2, Math.min(2.5, Math.max(1.5, column / 2)), 0, 2 * Math.PI);
      context.fill();
    }
  });
  context.globalAlpha = 1;
  playhead(context, NAMES + column * Math.min(frame / replay.perStep, replay.steps), 0, height, colours.text);
}

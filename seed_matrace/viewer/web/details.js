// One unit in words: what it is, what it observes, what it may do and what it thinks.

const COMPASS = ["east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east"];

function direction(replay, frame, from, to) {
  const angle = Math.atan2(
    replay.at(frame, Y, to) - replay.at(frame, Y, from), replay.at(frame, X, to) - replay.at(frame, X, from),
  );
  return COMPASS[(Math.round(angle / (Math.PI / 4)) + 8) % 8];
}

function condition(replay, frame, unit) {
  const type = replay.types[unit];
  const points = `health ${replay.at(frame, HEALTH, unit).toFixed(0)} of ${type.health}`;
  return type.shield ? `${points}, shield ${replay.at(frame, SHIELD, unit).toFixed(0)} of ${type.shield}` : points;
}

function weapon(replay, frame, unit) {
  const gauge = replay.at(frame, GAUGE, unit);
  if (replay.types[unit].effect === "heal") return `energy ${gauge.toFixed(0)} of ${replay.types[unit].gauge}`;
  return gauge >= 1 ? `next shot in ${(gauge / 16).toFixed(1)} s` : "weapon ready";
}

// Those of a side that an agent sees, nearest first.
function inSight(replay, frame, agent, first, last) {
  const seen = [];
  for (let unit = first; unit < last; unit++) {
    const apart = replay.distance(frame, agent, unit);
    if (unit !== agent && replay.alive(frame, unit) && apart < replay.about.sight_range) seen.push([apart, unit]);
  }
  return seen.sort(([one], [other]) => one - other);
}

function sightings(replay, frame, step, agent, first, last) {
  return inSight(replay, frame, agent, first, last).map(([apart, unit]) => {
    const where = `${apart.toFixed(1)} ${direction(replay, frame, agent, unit)}`;
    let action = 6;
    while (action < replay.nActions && replay.targetOf(agent, action) !== unit) action++;
    const aim = action < replay.nActions && replay.available(step, agent, action) ? ", in reach" : "";
    return `${replay.name(unit)}: ${where}, ${condition(replay, frame, unit)}${aim}`;
  });
}

function list(title, items) {
  const most = 12, shown = items.slice(0, most).map((item) => make("li", {}, item));
  if (items.length > most) shown.push(make("li", {}, `and ${items.length - most} more`));
  return [make("p", {}, title), ...(items.length ? [make("ul", {}, ...shown)] : [])];
}

function thoughts(replay, step, agent) {
  const open = [];
  for (let action = 0; action < replay.nActions; action++) {
    if (replay.available(step, agent, action)) open.push(action);
  }
  const said = (action) => {
    const percent = replay.hasProbabilities ? ` ${(100 * replay.probability(step, agent, action)).toFixed(0)}%` : "";
    return `${replay.actionName(agent, action)}${percent}`;
  };
  if (replay.hasProbabilities) {
    open.sort((one, other) => replay.probability(step, agent, other) - replay.probability(step, agent, one));
  }
  const whose = replay.arrays.values.shape[1] > 1 ? "its" : "the team's";
  const value = replay.hasValues ? ` Value, ${whose}: ${replay.value(step, agent).toFixed(2)}.` : "";
  const does = make("b", {}, `Does: ${replay.actionName(agent, replay.action(step, agent))}.`);
  return [make("p", {}, does, value), make("p", {}, `Could: ${open.map(said).join(", ")}.`)];
}

function describeUnit(replay, frame, unit) {
  const whole = Math.floor(frame), step = replay.stepAt(whole), seenAt = step * replay.perStep;
  const agent = unit < replay.nAgents;
  const title = make("h2", {}, `${replay.name(unit)} `, make("span", { class: "more" }, agent ? "agent" : "enemy"));
  if (!replay.alive(whole, unit)) {
    return [title, make("p", {}, `Dead since env step ${Math.ceil(replay.deaths[unit] / replay.perStep)}.`)];
  }
  const now = make("p", {}, `${condition(replay, whole, unit)}, ${weapon(replay, whole, unit)}.`);
  if (!agent) {
    const order = replay.arrays.intents.values, base = step * 2 * replay.nUnits;
    const target = order[base + replay.nUnits + unit];
    const doing = ["stands", "walks", "attacks", "attacks whatever comes"][order[base + unit]];
    return [title, now, make("p", {}, `It ${doing}${target >= 0 ? `, at ${replay.name(target)}` : ""}.`)];
  }
  const enemies = sightings(replay, seenAt, step, unit, replay.nAgents, replay.nUnits);
  const allies = sightings(replay, seenAt, step, unit, 0, replay.nAgents);
  const before = step ? `Last action: ${replay.actionName(unit, replay.action(step - 1, unit))}.` : "First step.";
  return [
    title, now, ...thoughts(replay, step, unit),
    make("p", { class: "quiet" }, `Observed at env step ${step}. ${before}`),
    ...list(`Sees ${enemies.length} of ${replay.nUnits - replay.nAgents} enemies`, enemies),
    ...list(`and ${allies.length} of ${replay.nAgents - 1} other agents`, allies),
  ];
}

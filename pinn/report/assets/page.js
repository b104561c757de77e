// The interactive part of a run's report. `DATA` is what Python measured: {views, curves, truths}.
"use strict";

let DATA = JSON.parse(document.getElementById("data").textContent);
const seen = { field: null, view: 0, mode: "map", k: null, cut: 0.5, clock: "steps" }; // what the reader has chosen
const $ = (id) => document.getElementById(id);

// -- the solution ----------------------------------------------------------------------------------------------------

const decoded = new WeakMap();
/** The float32 numbers of a field's entry. */
function numbers(owner, key) {
  if (!decoded.has(owner)) decoded.set(owner, {});
  const kept = decoded.get(owner);
  return (kept[key] ??= new Float32Array(Uint8Array.from(atob(owner[key]), (c) => c.charCodeAt(0)).buffer));
}

const view = () => DATA.views[seen.view];
const sizes = () => view().lines.map(([, , n]) => n);
const position = () => (view().slider ? Math.min(seen.k ?? view().slider.values.length - 1, view().slider.values.length - 1) : 0);
const grid = ([low, high, n]) => Float64Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));

/** Values at the present position, as rows along the first axis. */
function rows(all) {
  const [nx, ny] = sizes(), start = position() * nx * (ny ?? 1);
  return Array.from({ length: ny ?? 1 }, (_, j) => all.subarray(start + j * nx, start + (j + 1) * nx));
}

/** What is drawn of the chosen field: predicted, exact, error, estimated error. */
function quantities(entry) {
  const predicted = numbers(entry, "values");
  const estimate = entry.estimate ? [{ name: "estimated error", values: numbers(entry, "estimate"), range: entry.estimate_range, log: true, cells: true }] : [];
  if (!entry.error) return [{ name: "predicted", values: predicted, range: entry.range, cells: true }, ...estimate];
  const error = numbers(entry, "error");
  const exact = (decoded.get(entry).exact ??= predicted.map((value, i) => value - error[i]));
  return [
    { name: "predicted", values: predicted, range: entry.range, cells: true },
    { name: "exact", values: exact, range: entry.range },
    { name: "error", values: error, range: entry.error_range, signed: true },
    ...estimate,
  ];
}

/** Whether there is a truth: then one field is shown with it, else all of them. */
const compared = () => Object.values(view().fields).some((entry) => entry.error);
const field = () => (seen.field in view().fields ? seen.field : Object.keys(view().fields)[0]);

const largest = (values) => values.reduce((most, value) => (Math.abs(value) > most ? Math.abs(value) : most), 0);

function drawSolution() {
  if (!DATA.views.length) return;
  const shown = (compared() ? [field()] : Object.keys(view().fields)).flatMap((name) =>
    quantities(view().fields[name]).map((q) => ({ ...q, title: ["", name, ` ${q.name}`], label: plain(name) })));
  drawPanels($("solution"), shown);
  const residuals = Object.entries(view().residuals).map(([name, entry]) => ({ name, values: numbers(entry, "values"), range: entry.range, signed: true,
    title: ["residual of ", name, ""], label: "residual" }));
  if ($("residuals")) drawPanels($("residuals"), residuals);
}

function drawPanels(box, panels) {
  const line = view().axes.length === 1 || seen.mode === "profile";
  if (line && panels.some((panel) => panel.name === "exact")) // in one picture
    panels = [{ ...panels[0], title: panels[0].title.with(2, " predicted and exact"), beside: panels[1] }, ...panels.slice(2)];
  const wide = !line && view().to_scale && seen.mode === "map" && ratio() < 0.32;
  box.classList.toggle("wide", wide);
  const room = Math.max(...panels.map((panel) => 26 + 6.6 * Math.max(...labels(panel).ticktext.map((text) => text.length))), 74);
  while (box.children.length > panels.length) box.lastChild.remove();
  while (box.children.length < panels.length) figure(box);
  panels.forEach((panel, i) => {
    const [caption, div] = box.children[i].children;
    const [before, name, after] = panel.title;
    caption.firstChild.replaceChildren(before, made("b", {}, name), after + (panel.signed || panel.log ? `, at most ${number(largest(panel.values), 2)}` : ""));
    const kind = line ? "line" : seen.mode;
    if (div.dataset.kind && div.dataset.kind !== kind) Plotly.purge(div);
    div.dataset.kind = kind;
    ({ line: drawLine, map: drawMap, surface: drawSurface })[kind](div, panel, room);
  });
}

/** Where the colours of a panel have labels; those of powers of ten stand at their exponents. */
function labels({ range, log }) {
  if (!log) return { tickvals: ticks(...range), ticktext: ticks(...range).map(round) };
  const first = Math.ceil(Math.log10(range[0])), last = Math.floor(Math.log10(range[1]));
  const tickvals = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return { tickvals, ticktext: tickvals.map((power) => (power ? `10${superscript(power)}` : "1")) };
}

/** Values and their range as colours and heights show them. */
function scaled({ values, range, log }) {
  if (!log) return { z: rows(values), span: range };
  return { z: rows(values).map((row) => row.map((value) => Math.log10(Math.max(value, range[0])))), span: range.map(Math.log10) };
}

const colours = (panel) => (panel.signed ? diverging() : panel.log ? MAGNITUDE : SEQUENTIAL);

/** The edges of the cells in a map, as one line with gaps. */
function cells(panel) {
  const found = panel.cells && view().cells.length ? view().cells[position()] : [];
  if (!found.length) return [];
  return [{ type: "scatter", mode: "lines", x: found.flatMap(([x0, , x1]) => [x0, x1, null]), y: found.flatMap(([, y0, , y1]) => [y0, y1, null]),
    line: { width: 0.7, color: "rgba(255, 255, 255, 0.5)" }, hoverinfo: "skip", showlegend: false }];
}

/** The ends of the cells of a line, as marks on its axis. */
function marks(panel) {
  if (view().axes.length > 1 || !panel.cells || !view().cells.length) return [];
  return view().cells[0].map((x) => ({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 0.025, line: { width: 1, color: css("--soft") } }));
}

/** Height over width of the domain. */
function ratio() {
  const [[x0, x1], [y0, y1]] = view().lines;
  return (y1 - y0) / (x1 - x0);
}

const span = ([low, high, n], half = (high - low) / (n - 1) / 2) => [low - half, high + half];

/** A map with its colours, for whose labels there is so much room, the same in all maps that stand together. */
function drawMap(div, panel, room) {
  const [x, y] = view().lines, width = div.clientWidth, inner = Math.max(width - 46 - room, 120), { z, span: [zmin, zmax] } = scaled(panel);
  const height = view().to_scale ? Math.min(Math.max(inner * ratio(), 60), 520) : Math.min(0.72 * inner, 340);
  const trace = { type: "heatmap", x: grid(x), y: grid(y), z, zmin, zmax, customdata: rows(panel.values), zsmooth: view().outlines.length ? false : "best",
    colorscale: colours(panel), hoverongaps: false,
    hovertemplate: `${plain(view().axes[0])} = %{x:.4g}<br>${plain(view().axes[1])} = %{y:.4g}<br>${panel.label} = %{customdata:.4g}<extra></extra>`,
    colorbar: { thickness: 9, outlinewidth: 0, len: 1, y: 0.5, x: 1.02, xpad: 0, ypad: 0, ...labels(panel), tickfont: { size: 11, color: css("--soft") },
      ticks: "outside", ticklen: 3, tickcolor: css("--line") } };
  const equal = view().to_scale ? { scaleanchor: "x", constrain: "domain" } : {};
  Plotly.react(div, [trace, ...cells(panel)], layout({ width, height: height + 52, margin: { l: 46, r: room, t: 6, b: 46 }, shapes: outside(),
    xaxis: axis(view().axes[0], { range: span(x), showgrid: false, constrain: "domain", nticks: 6, automargin: false }),
    yaxis: axis(view().axes[1], { range: span(y), showgrid: false, nticks: Math.max(3, Math.round(height / 60)), automargin: false, ...equal }) }), OPTIONS);
}

/** What lies outside the domain, in the colour of the paper, with its edge. */
function outside() {
  const outlines = view().outlines;
  if (!outlines.length) return [];
  const path = outlines[Math.min(position(), outlines.length - 1)].map(([xs, ys]) => `M${xs.map((x, i) => `${x},${ys[i]}`).join("L")}Z`).join("");
  return path ? [{ type: "path", path, fillcolor: css("--paper"), line: { color: css("--faint"), width: 1 }, layer: "above", fillrule: "evenodd" }] : [];
}

function drawSurface(div, panel) {
  const [x, y] = view().lines, width = div.clientWidth, grids = { color: css("--soft"), gridcolor: css("--line"), showbackground: false, zeroline: false, nticks: 4, tickfont: { size: 10 }, exponentformat: "power" };
  const long = view().to_scale ? Math.max(x[1] - x[0], y[1] - y[0]) : 1;
  const shape = view().to_scale ? { x: (x[1] - x[0]) / long, y: (y[1] - y[0]) / long, z: 0.55 } : { x: 1, y: 1, z: 0.55 };
  const { z, span: [cmin, cmax] } = scaled(panel);
  const trace = { type: "surface", x: grid(x), y: grid(y), z, customdata: rows(panel.values), cmin, cmax, showscale: false, colorscale: colours(panel),
    lighting: { ambient: 0.75, diffuse: 0.45, specular: 0.05 }, hovertemplate: `${plain(view().axes[0])} = %{x:.4g}<br>${plain(view().axes[1])} = %{y:.4g}<br>${panel.label} = %{customdata:.4g}<extra></extra>` };
  Plotly.react(div, [trace], layout({ width, height: Math.min(0.85 * width, 380), margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: "kept",
    scene: { aspectmode: "manual", aspectratio: shape, camera: { eye: { x: -0.95, y: -1.05, z: 0.8 }, center: { x: 0, y: 0, z: -0.12 } },
      xaxis: { ...grids, title: { text: view().axes[0] } }, yaxis: { ...grids, title: { text: view().axes[1] } }, zaxis: { ...grids, title: { text: "" }, range: [cmin, cmax], ...(panel.log ? labels(panel) : {}) } } }), OPTIONS);
}

/** Time where the plane has it, else the second axis: along which a profile is moved. */
const cutAxis = () => (view().axes[0] === "t" ? 0 : 1);

function profile(values) {
  if (view().axes.length === 1) return rows(values)[0];
  const [nx, ny] = sizes(), all = rows(values);
  if (cutAxis() === 1) return all[Math.round(seen.cut * (ny - 1))];
  return Float32Array.from(all, (row) => row[Math.round(seen.cut * (nx - 1))]);
}

function drawLine(div, panel) {
  const along = view().axes.length === 1 ? 0 : 1 - cutAxis();
  const trace = (q, colour, dash) => ({ type: "scatter", mode: "lines", name: q.name, x: grid(view().lines[along]), y: profile(q.values), line: { width: 1.9, color: colour, dash }, hovertemplate: `%{y:.4g}<extra>${q.name}</extra>` });
  const traces = [trace(panel, panel.signed ? shade(1) : shade(0), "solid")];
  if (panel.beside) traces.push(trace(panel.beside, css("--ink"), "dot"));
  const [low, high] = panel.range, air = 0.06 * (high - low);
  Plotly.react(div, traces, layout({ width: div.clientWidth, height: 300, xaxis: axis(view().axes[along]), yaxis: panel.log ? { ...logarithmic("", [low, high]), range: [Math.log10(low), Math.log10(2 * high)] } : axis("", { range: [low - air, high + air] }), shapes: marks(panel), hovermode: "x unified",
    showlegend: traces.length > 1, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" } }), OPTIONS);
}

// -- controls --------------------------------------------------------------------------------------------------------

function slider(parent, id, name, count, value, text, move) {
  const input = made("input", { type: "range", id, min: 0, max: count - 1, step: 1, value }), output = made("output");
  const label = made("label", { class: "slider" }, made("span", {}, name), input, output);
  const show = () => { output.textContent = `${name} = ${number(text(Number(input.value)), 4)}`; };
  input.oninput = () => { show(); move(Number(input.value)); };
  show();
  parent.append(label);
}

function buildControls() {
  const box = $("controls");
  if (!box || !DATA.views.length) return;
  box.replaceChildren();
  const redo = () => { buildControls(); drawSolution(); };
  const fields = Object.keys(view().fields), plane = view().axes.length === 2;
  if (fields.length > 1 && compared()) choice(box, fields, field(), "field", (name) => { seen.field = name; drawSolution(); });
  const planes = DATA.views.map((one) => one.axes.join(", "));
  if (planes.length > 1) choice(box, planes, planes[seen.view], "plane", (name) => { seen.view = planes.indexOf(name); seen.k = null; redo(); });
  if (plane) choice(box, ["map", "surface", "profile"], seen.mode, "kind of picture", (mode) => { seen.mode = mode; redo(); });
  const moving = view().slider;
  if (moving) slider(box, "slider", moving.name, moving.values.length, position(), (k) => moving.values[k], (k) => { seen.k = k; drawSolution(); });
  if (plane && seen.mode === "profile") {
    const line = view().lines[cutAxis()], n = line[2];
    slider(box, "cut", view().axes[cutAxis()], n, Math.round(seen.cut * (n - 1)), (k) => line[0] + ((line[1] - line[0]) * k) / (n - 1), (k) => { seen.cut = k / (n - 1); drawSolution(); });
  }
  const held = Object.entries(view().held), note = document.createElement("span");
  note.className = "note";
  note.textContent = held.length > 4 ? `${held[0][0]} … ${held.at(-1)[0]} in the middle` : held.map(([name, value]) => `${name} = ${number(value)}`).join(", ");
  if (held.length) box.append(note);
}

// -- the training ----------------------------------------------------------------------------------------------------

const CHARTS = { loss: "loss of each equation", error: "relative L² error", residual_max: "largest residual", grad_norm: "gradient of each loss", weight: "weight of each loss", parameter: "learned parameters", time: "seconds a step" };

function drawCurves() {
  const box = $("curves"), clock = seen.clock === "steps" ? DATA.curves.step : DATA.curves.seconds;
  if (!box) return;
  const groups = Object.keys(CHARTS).filter((group) => DATA.curves.groups[group] && (group !== "weight" || Object.values(DATA.curves.groups.weight).some(varies)));
  for (const group of groups) // all of them before the first is drawn: their number decides how wide they are
    if (!$(`curve-${group}`)) figure(box, `curve-${group}`).firstChild.firstChild.textContent = CHARTS[group];
  for (const group of groups) $(`curve-${group}`).classList.toggle("broad", Object.keys(DATA.curves.groups[group]).length > 8);
  for (const group of groups) {
    const all = DATA.curves.groups[group], columns = group === "time" ? { step: all.step } : all, curves = {}; // of times one is in seconds
    for (const [name, values] of Object.entries(columns)) {
      const kept = values.map((value, i) => [clock[i], value]).filter(([, value]) => value !== null);
      curves[name] = { x: kept.map((pair) => pair[0]), y: kept.map((pair) => pair[1]) };
    }
    const positive = Object.values(columns).flat().filter((value) => value > 0), steady = group === "time" && Math.max(...positive) < 20 * Math.min(...positive);
    const log = group !== "parameter" && positive.length > 0 && !steady;
    Object.keys(columns).forEach((name, i) => { // what is known beside what was found
      const truth = group === "parameter" ? DATA.truths[name] : undefined, ends = [curves[name].x[0], curves[name].x.at(-1)];
      if (truth !== undefined) Object.assign(curves, { [`${name}, true`]: { x: ends, y: [truth, truth], dash: "dot", colour: shade(i) } });
    });
    chart($(`curve-${group}`).lastChild, curves, { x: seen.clock === "steps" ? "step" : "seconds", log, zero: steady });
  }
}

const varies = (values) => values.some((value) => value !== null && value !== values[0]);

/** What the doctor has looked at: of each equation the residual by frequency and by region. */
function drawLooks() {
  const box = $("looks");
  if (!box) return;
  const kinds = { spectrum: ["by frequency", "waves across the domain", (i) => i], regions: ["squared, by region", "part of the interval", (i) => (i + 0.5) / 16] };
  const wanted = Object.keys(kinds).flatMap((kind) => Object.keys(DATA.looks[kind] ?? {}).map((name) => [kind, name]));
  for (const [kind, name] of wanted) {
    const identity = `look-${kind}-${name}`;
    if (!$(identity)) figure(box, identity).firstChild.firstChild.textContent = `residual of ${name} ${kinds[kind][0]}`;
  }
  for (const [kind, name] of wanted) {
    const [, x, place] = kinds[kind], curves = {};
    for (const [along, values] of Object.entries(DATA.looks[kind][name])) curves[along] = { x: values.map((_, i) => place(i)), y: values };
    chart($(`look-${kind}-${name}`).lastChild, curves, { x, height: 200, log: kind === "spectrum", zero: true });
  }
}

function draw() {
  drawSolution();
  drawCurves();
  drawLooks();
}

// -- while it trains -------------------------------------------------------------------------------------------------

/** Take what has changed from the same page, fetched again; what the reader has chosen stays. */
async function follow() {
  let answer, tag = document.body.dataset.tag;
  try {
    answer = await fetch(location.href, { headers: { "If-None-Match": tag } });
  } catch {
    return setTimeout(follow, 4000); // the watcher has ended
  }
  if (answer.status === 200) {
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const data = next.getElementById("data").textContent, same = data === $("data").textContent;
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = next.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other || other.innerHTML === part.dataset.was) continue;
      part.dataset.was = other.innerHTML;
      part.replaceChildren(...document.importNode(other, true).childNodes);
    }
    document.body.dataset.tag = answer.headers.get("ETag") ?? "";
    if (!same) {
      $("data").textContent = data;
      DATA = JSON.parse(data);
      buildControls();
      draw();
    }
  }
  setTimeout(follow, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  navigator.clipboard?.writeText(button.dataset.copy).then(() => { button.textContent = "copied"; setTimeout(() => { button.textContent = "copy"; }, 1200); });
});

if ($("clock")) choice($("clock"), ["steps", "seconds"], seen.clock, "horizontal axis", (clock) => { seen.clock = clock; drawCurves(); });
buildControls();
draw();
redrawing(draw);
if (document.body.dataset.live !== undefined) setTimeout(follow, 2000);

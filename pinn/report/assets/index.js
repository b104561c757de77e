// The index: a table of runs to sort and filter, and the curves of those that are ticked.
"use strict";

const { runs, varied, numbers, drawn } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const columns = [["name", "run"], ["pde", "problem"], ["status", "status"], ["error", "relative L² error"], ["residual", "held-out residual"],
  ["loss", "loss"], ["seconds", "seconds"], ["steps", "steps"], ["memory", "MB"]].filter(([key]) => runs.some((run) => run[key] !== null && run[key] !== undefined));
const seen = { key: "error", down: false, words: "", group: runs.some((run) => run.curves.groups.error) ? "error" : "loss", clock: "steps" };
for (const run of runs) for (const key of varied) run[`settings.${key}`] = run.settings[key];
for (const key of varied) columns.push([`settings.${key}`, key]);

const missing = (value) => value === null || value === undefined || value === "–";
function compare(a, b) {
  const [x, y] = [a[seen.key], b[seen.key]];
  if (missing(x) || missing(y)) return missing(x) - missing(y); // what is not known stands last either way
  const order = isFinite(x) && isFinite(y) ? Number(x) - Number(y) : String(x).localeCompare(String(y), undefined, { numeric: true });
  return seen.down ? -order : order;
}

const matches = (run) => seen.words.toLowerCase().split(/\s+/).every((word) => columns.some(([key]) => String(run[key]).toLowerCase().includes(word)));

function drawTable() {
  const shown = runs.filter(matches).sort(compare);
  const sort = (key) => (key === seen.key ? { "aria-sort": seen.down ? "descending" : "ascending" } : {});
  const head = columns.map(([key, title]) => made("th", { class: `sortable${numbers.includes(key) ? "" : " left"}`, tabindex: 0, "data-key": key, ...sort(key) }, title));
  const table = $("runs");
  table.replaceChildren(made("thead", {}, made("tr", {}, ...head)), made("tbody"));
  for (const run of shown) {
    const row = table.tBodies[0].insertRow();
    for (const [key] of columns) {
      const cell = row.insertCell();
      if (key === "name") cell.append(tick(run), link(run));
      else cell.textContent = numbers.includes(key) ? number(run[key]) : run[key];
      if (!numbers.includes(key)) cell.className = "left";
    }
  }
  $("count").textContent = shown.length === runs.length ? "" : `${shown.length} of ${runs.length}`;
}

function tick(run) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = run.ticked;
  box.setAttribute("aria-label", `curve of ${run.name}`);
  box.style.accentColor = run.ticked ? colour(run) : "";
  box.onchange = () => { run.ticked = box.checked; drawTable(); drawCurves(); };
  return box;
}

function link(run) {
  const name = document.createElement(run.page ? "a" : "span");
  name.textContent = run.name;
  if (run.page) name.href = run.page.split("/").map(encodeURIComponent).join("/");
  return name;
}

const colour = (run) => shade(runs.filter((other) => other.ticked).indexOf(run));

function drawCurves() {
  const curves = {};
  for (const run of runs.filter((run) => run.ticked && run.curves.groups[seen.group])) {
    const clock = seen.clock === "steps" ? run.curves.step : run.curves.seconds;
    const kept = run.curves.groups[seen.group].map((value, i) => [clock[i], value]).filter(([, value]) => value > 0);
    curves[run.name] = { x: kept.map((pair) => pair[0]), y: kept.map((pair) => pair[1]), colour: colour(run) };
  }
  chart($("overlay"), curves, { x: seen.clock === "steps" ? "step" : "seconds", height: 380 });
}

function sortBy(event) {
  const key = event.target.closest?.("th")?.dataset.key;
  if (!key || (event.type === "keydown" && event.key !== "Enter")) return;
  Object.assign(seen, { key, down: key === seen.key && !seen.down });
  drawTable();
}

$("runs").addEventListener("click", sortBy);
$("runs").addEventListener("keydown", sortBy);
$("filter").oninput = (event) => { seen.words = event.target.value; drawTable(); };
choice($("choices"), ["error", "loss"].filter((group) => runs.some((run) => run.curves.groups[group])), seen.group, "curve", (group) => { seen.group = group; drawCurves(); });
choice($("choices"), ["steps", "seconds"], seen.clock, "horizontal axis", (clock) => { seen.clock = clock; drawCurves(); });
[...runs].sort(compare).slice(0, drawn).forEach((run) => { run.ticked = true; });
drawTable();
drawCurves();
redrawing(() => { drawTable(); drawCurves(); });

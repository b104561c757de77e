// What the report and the index have in common: colours of the page, axes, curves.
"use strict";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
const shade = (i) => css(`--c${i % 8}`);
const SEQUENTIAL = "Viridis", MAGNITUDE = [[0, "#000004"], [0.125, "#1d1147"], [0.25, "#51127c"], [0.375, "#832681"], [0.5, "#b73779"], [0.625, "#e75263"], [0.75, "#fc8961"], [0.875, "#fec488"], [1, "#fcfdbf"]];
const DIVERGING = { // zero is the colour of the paper
  light: [[0, "#0b3a67"], [0.2, "#2f7ab5"], [0.4, "#b4d3e7"], [0.5, "#f7f7f7"], [0.6, "#f4c3a5"], [0.8, "#c8553d"], [1, "#6f0f22"]],
  dark: [[0, "#a9d3f5"], [0.2, "#4f93cc"], [0.4, "#20496b"], [0.5, "#17191d"], [0.6, "#6a3021"], [0.8, "#d0704f"], [1, "#f9cdb2"]],
};
const diverging = () => DIVERGING[dark() ? "dark" : "light"];
const OPTIONS = { responsive: false, displayModeBar: false };

/** A text of the user's in a picture, where plotly would read tags. */
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("%{", "%&#123;");

/** A new element with text or other elements in it: text is never read as HTML. */
function made(tag, attributes = {}, ...parts) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...parts);
  return element;
}

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const superscript = (exponent) => [...String(exponent)].map((c) => SUPERSCRIPT[c]).join("");
/** 3.2×10⁻⁹, 0.0312, 41.7. */
function number(value, digits = 3) {
  if (value === null || value === undefined || !isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) return String(Number(value.toPrecision(digits))).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${mantissa.replace("-", "−")}×10${superscript(Number(exponent))}`;
}

function axis(title, more = {}) {
  return { title: { text: plain(title), font: { size: 12, color: css("--soft") }, standoff: 6 }, color: css("--soft"), gridcolor: css("--line"),
    linecolor: css("--line"), zeroline: false, showline: true, ticks: "outside", ticklen: 4, tickcolor: css("--line"), tickfont: { size: 11 },
    exponentformat: "power", showexponent: "all", automargin: true, ...more };
}

function layout(more = {}) {
  return { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: css("--sans"), size: 12, color: css("--ink") },
    margin: { l: 8, r: 8, t: 8, b: 8 }, hoverlabel: { font: { family: css("--sans"), size: 12 } }, ...more };
}

/** Powers of ten as far as they are few, 1, 2 and 5 within one, and round values where there is less than a doubling. */
function logarithmic(title, values) {
  const positive = values.filter((value) => value > 0);
  if (!positive.length) return axis(title, { type: "log" });
  const low = Math.min(...positive), high = Math.max(...positive), decades = Math.log10(high / low), first = Math.floor(Math.log10(low)) - 1;
  const mantissas = decades > 1.3 ? [1] : [1, 2, 5], every = Math.max(1, Math.ceil(decades / 5));
  const powers = Array.from({ length: Math.ceil(decades) + 4 }, (_, i) => first + i).filter((power) => power % every === 0);
  const few = decades > 0 && decades < 0.3;
  const tickvals = few ? ticks(low, high) : powers.flatMap((power) => mantissas.map((m) => Number(`${m}e${power}`)));
  const power = (value) => round(value).replace(/^0\.0*1$/, (text) => `10${superscript(2 - text.length)}`);
  return axis(title, { type: "log", tickfont: { size: 12 }, tickvals, ticktext: tickvals.map(mantissas.length > 1 ? round : power) });
}

/** A round value, as short as it can be: 10⁻⁹, 2.5×10⁻⁶, 0.02. */
const round = (value) => number(value, 6).replace(/\.?0+×/, "×").replace(/^(−?)1×/, "$1");

/** Three to six round values of an interval. */
function ticks(low, high) {
  const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 2.5, 5, 10].find((m) => m * power >= raw) * power;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** One chart: {name: {x, y, dash, colour}}; logarithmic unless something is not positive. */
function chart(div, curves, { x = "step", y = "", log = true, zero = false, height = 260 } = {}) {
  const names = Object.keys(curves);
  const traces = names.map((name, i) => ({ type: "scatter", name: plain(name), x: curves[name].x, y: curves[name].y,
    mode: curves[name].y.length < 2 ? "markers" : "lines", line: { width: 1.7, color: curves[name].colour ?? shade(i), dash: curves[name].dash ?? ["solid", "dash", "dot"][Math.floor(i / 8) % 3] },
    hovertemplate: `%{y:.3g}<extra>${plain(name)}</extra>` }));
  const shown = names.length > 1, width = div.clientWidth, longest = Math.max(...names.map((name) => name.length));
  const legend = shown ? 18 * Math.ceil(names.length / Math.max(1, Math.floor((width - 60) / (48 + 7 * longest)))) : 0;
  return Plotly.react(div, traces, layout({ height: height + legend, width,
    xaxis: axis(x, { rangemode: "tozero" }), yaxis: log ? logarithmic(y, names.flatMap((name) => curves[name].y)) : axis(y, zero ? { rangemode: "tozero" } : {}), showlegend: shown, hovermode: "x unified",
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 }, bgcolor: "rgba(0,0,0,0)" } }), OPTIONS);
}

/** A figure with a caption, a button that saves it as vectors, and a place for the picture. */
function figure(box, identity = "") {
  const caption = made("figcaption", {}, made("span"), made("button", { class: "save", title: "save as SVG" }, "svg"));
  const plot = made("div", { class: "plot" }), whole = made("figure", { id: identity }, caption, plot);
  caption.lastChild.onclick = () => Plotly.downloadImage(plot, { format: "svg", width: plot.clientWidth, height: plot.clientHeight, filename: caption.firstChild.textContent.replace(/\W+/g, "_") });
  box.append(whole);
  return whole;
}

/** Buttons of which one is pressed. */
function choice(parent, values, chosen, label, pick) {
  const box = document.createElement("div");
  box.className = "choice";
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", label);
  for (const value of values) {
    const button = document.createElement("button");
    button.textContent = value;
    button.setAttribute("aria-pressed", value === chosen);
    button.onclick = () => {
      for (const other of box.children) other.setAttribute("aria-pressed", other === button);
      pick(value);
    };
    box.append(button);
  }
  parent.append(box);
}

/** Draw again when the window or the colours change. */
function redrawing(draw) {
  let width = innerWidth, waiting;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 120);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

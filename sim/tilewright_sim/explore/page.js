"use strict";
// Draws the result of `Exploration.to_json`. A click on either plot or on a line of the table selects a point.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const measured = data.points.filter((point) => point.status === "measured");
  const axes = Object.fromEntries(data.axes.map((axis) => [axis.name, axis]));
  const byId = (id) => document.getElementById(id);
  const config = {displaylogo: false, responsive: true};
  let chosen = measured.find((point) => point.front) || measured[0];

  const number = (value) => typeof value === "number"
    ? (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(4)))
    : String(value);
  const swept = (point) => Object.entries(point.swept).map(([field, value]) => `${field}=${value}`).join(" ");
  const element = (tag, text, name) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const line = (table, cells, tag = "td") => {
    const row = table.appendChild(document.createElement("tr"));
    cells.forEach((cell) => row.append(element(tag, typeof cell === "number" ? number(cell) : cell,
      typeof cell === "number" ? "number" : "")));
    return row;
  };

  // A point is on the front if no other is at least as good on both axes and better on one.
  const front = (points, x, y) => {
    const cost = (point) => [x, y].map((name) => (axes[name].more_is_better ? -1 : 1) * point.figures[name]);
    const ordered = points.map((point) => [cost(point), point])
      .sort(([a], [b]) => a[0] - b[0] || a[1] - b[1]);
    const kept = [];
    let best = Infinity, at = null;
    for (const [[first, second], point] of ordered) {
      if (second < best) {
        best = second;
        at = first;
        kept.push(point);
      } else if (second === best && first === at) {
        kept.push(point);
      }
    }
    return kept;
  };

  const hover = (point) => [`<b>point ${point.number}</b>`, swept(point),
    ...data.axes.filter((axis) => axis.name in point.figures)
      .map((axis) => `${axis.label}: ${number(point.figures[axis.name])}`),
    ...point.shapes.map((shape) => `${shape.name}: bottleneck ${shape.knob}`)].join("<br>");

  const colours = () => {
    const by = byId("colour").value;
    if (by === "front") return null;
    const value = (point) => by.startsWith("knob ")
      ? (point.shapes.find((shape) => `knob ${shape.name}` === by) || {}).knob
      : by in point.config ? point.config[by] : point.figures[by];
    return {name: by, value};
  };

  const drawPareto = () => {
    const [x, y] = [byId("x").value, byId("y").value];
    const known = measured.filter((point) => x in point.figures && y in point.figures);
    const best = new Set(front(known, x, y));
    const shown = byId("only-front").checked ? known.filter((point) => best.has(point)) : known;
    const colour = colours();
    const groups = new Map();
    for (const point of shown) {
      const name = colour ? String(colour.value(point)) : best.has(point) ? "on the front" : "not on the front";
      groups.set(name, [...(groups.get(name) || []), point]);
    }
    const names = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", {numeric: true}));
    const traces = names.map((name) => {
      const points = groups.get(name);
      return {
        name: colour ? `${colour.name.startsWith("knob ") ? "" : `${colour.name}=`}${name}` : name,
        type: "scatter", mode: "markers", x: points.map((point) => point.figures[x]),
        y: points.map((point) => point.figures[y]), text: points.map(hover), hoverinfo: "text",
        customdata: points.map((point) => point.number),
        marker: {
          size: points.map((point) => point === chosen ? 15 : 9),
          symbol: points.map((point) => best.has(point) ? "circle" : "circle-open"),
          ...(colour ? {} : {color: name === "beaten" ? "#999" : "#1f77b4"}),
        },
      };
    });
    const steps = [...best].sort((a, b) => a.figures[x] - b.figures[x]);
    traces.unshift({
      name: "front", type: "scatter", mode: "lines", x: steps.map((point) => point.figures[x]),
      y: steps.map((point) => point.figures[y]), hoverinfo: "skip", line: {color: "#1f77b4", width: 1, dash: "dot"},
    });
    byId("pareto").dataset.front = steps.map((point) => point.number).join(" ");
    return Plotly.react("pareto", traces, {
      margin: {t: 20, r: 20}, hovermode: "closest", legend: {orientation: "h", y: 1.12},
      xaxis: {title: {text: axes[x].label}, rangemode: "tozero"},
      yaxis: {title: {text: axes[y].label}, rangemode: "tozero"},
    }, config);
  };

  const drawRoofline = () => {
    const shapes = chosen ? chosen.shapes : [];
    byId("roofline").previousElementSibling.hidden = !shapes.length;
    byId("roofline").hidden = byId("roofline").previousElementSibling.previousElementSibling.hidden = !shapes.length;
    if (!shapes.length) return;
    const peak = chosen.config.rows * chosen.config.cols, bytes = shapes[0].peak_bytes_per_cycle;
    const others = measured.filter((point) => point !== chosen);
    const marks = (points, name, marker) => {
      const all = points.flatMap((point) => point.shapes.map((shape) => [point, shape]));
      return {
        name, type: "scatter", mode: "markers", hoverinfo: "text", marker,
        x: all.map(([, shape]) => shape.intensity), y: all.map(([, shape]) => shape.macs / shape.cycles),
        customdata: all.map(([point]) => point.number),
        text: all.map(([point, shape]) => `<b>${shape.name}</b> on point ${point.number}<br>${swept(point)}<br>` +
          `${number(shape.macs / shape.cycles)} MAC/cycle, ${number(shape.intensity)} MAC/byte<br>` +
          `bottleneck ${shape.knob}: ${shape.reason}`),
      };
    };
    const intensities = measured.flatMap((point) => point.shapes.map((shape) => shape.intensity));
    const low = Math.min(...intensities, peak / bytes) / 2, high = Math.max(...intensities, peak / bytes) * 2;
    Plotly.react("roofline", [
      {name: "bus", type: "scatter", mode: "lines", x: [low, peak / bytes], y: [low * bytes, peak],
        hoverinfo: "name", line: {color: "#d62728"}},
      {name: "multipliers", type: "scatter", mode: "lines", x: [peak / bytes, high], y: [peak, peak],
        hoverinfo: "name", line: {color: "#2ca02c"}},
      marks(others, "other points", {size: 6, color: "#bbb"}),
      marks([chosen], `point ${chosen.number}`, {size: 12, color: "#1f77b4"}),
    ], {
      margin: {t: 20, r: 20}, hovermode: "closest", legend: {orientation: "h", y: 1.12},
      xaxis: {title: {text: "MAC per byte on the bus"}, type: "log"},
      yaxis: {title: {text: "MAC per cycle"}, type: "log"},
    }, config);
  };

  const drawPanel = () => {
    const panel = byId("panel");
    panel.replaceChildren();
    if (!chosen) return;
    panel.dataset.point = chosen.number;
    panel.append(element("h3", `Point ${chosen.number}`));
    const table = panel.appendChild(document.createElement("table"));
    table.id = "configuration";
    for (const [field, value] of Object.entries(chosen.config)) {
      line(table, [field, String(value)]).className = field in chosen.swept ? "swept" : "quiet";
    }
    const settings = Object.entries(chosen.swept).map(([field, value]) => `--set ${field}=${value}`).join(" ");
    panel.append(element("p", settings, "quiet"));
    const figures = panel.appendChild(document.createElement("table"));
    data.axes.filter((axis) => axis.name in chosen.figures)
      .forEach((axis) => line(figures, [axis.label, chosen.figures[axis.name]]));
    line(figures, ["clock, MHz", chosen.figures.clock_mhz]);
    chosen.shapes.forEach((shape) => panel.append(element("p", `${shape.name}: bottleneck ${shape.knob}, ${shape.reason}`)));
  };

  const choose = (place) => {
    chosen = measured.find((point) => point.number === place) || chosen;
    drawPanel();
    drawRoofline();
    return drawPareto();
  };

  const options = (id, entries, value) => {
    entries.forEach(([name, label]) => byId(id).add(new Option(label, name)));
    byId(id).value = value;
    byId(id).addEventListener("change", drawPareto);
  };

  byId("title").textContent = `Tilewright: explore ${data.core}, ${data.target}`;
  byId("about").textContent = data.about;
  byId("rule").textContent = data.rule;
  const names = data.axes.map((axis) => [axis.name, axis.label]);
  const vertical = data.objectives[0] || names[0][0];
  const others = names.map(([name]) => name).filter((name) => name !== vertical);
  options("x", names, data.objectives.find((name) => !axes[name].more_is_better) || others[0] || vertical);
  options("y", names, vertical);
  const knobs = ((measured[0] || {}).shapes || []).map((shape) => [`knob ${shape.name}`, `bottleneck of ${shape.name}`]);
  options("colour", [["front", "front or not"], ...knobs, ...data.swept.map((field) => [field, field])], "front");
  byId("only-front").addEventListener("change", drawPareto);

  const binds = byId("binds");
  line(binds, ["point", ...data.swept, ...knobs.map(([name]) => name.slice(5)), "reason"], "th");
  data.points.forEach((point) => {
    const found = point.status === "measured"
      ? [...point.shapes.map((shape) => shape.knob), point.shapes.map((shape) => shape.reason).join("; ")]
      : [...knobs.map(() => ""), point.error || point.status];
    const row = line(binds, [String(point.number), ...Object.values(point.swept).map(String), ...found]);
    row.addEventListener("click", () => choose(point.number));
  });
  byId("skipped-title").textContent = `Skipped: ${data.skipped.length} invalid points`;
  data.skipped.forEach((point) => {
    const settings = Object.entries(point.swept).map(([field, value]) => `${field}=${value}`).join(" ");
    const near = point.nearest === null ? "" : `; nearest that works: ${point.nearest}`;
    line(byId("skipped"), [String(point.number), settings, `${point.field} = ${point.value}: ${point.reason}${near}`]);
  });
  choose(chosen ? chosen.number : 0).then(() => {
    ["pareto", "roofline"].forEach((id) => byId(id).on?.("plotly_click", (event) => choose(event.points[0].customdata)));
    document.body.dataset.ready = "yes";
  });
})();

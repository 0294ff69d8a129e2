const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const safe = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const brief = (s) => !s || s.min === undefined ? "" : s.min === s.max ? s.min : `${s.min} … ${s.max}`;
const isValue = (a) => typeof a === "number";

// ---- the tree: ops and groups are items; a scope is one graph, the whole or the composition of an op by hand

const items = [];
const make = (scope, parent, more) => {
  const item = { id: items.length, scope, parent, children: [], open: false, ...more };
  items.push(item);
  return item;
};

function openScope(graph, root) {
  const arrivals = graph.values.map((v) => v.cotangent ? [{ node: Infinity, stats: [v.cotangent] }] : []); // of gradients, in order
  const scope = { ...graph, root, arrivals, ops: [] };
  const grow = (raw, parent) => {
    const item = isValue(raw) ? make(scope, parent, { node: raw, described: graph.nodes[raw], size: 1 })
      : make(scope, parent, { name: raw.name, repeats: raw.repeats });
    if (isValue(raw)) scope.ops[raw] = item;
    else {
      item.children = raw.items.map((inner) => grow(inner, item));
      item.size = item.children.reduce((sum, inner) => sum + inner.size, 0);
    }
    return item;
  };
  root.children = graph.tree.map((raw) => grow(raw, root));
  root.inner = scope;
  for (let n = graph.nodes.length - 1; n >= 0; n--)
    graph.nodes[n].vjps?.forEach((stats, k) => { if (stats) arrivals[graph.nodes[n].args[k]].push({ node: n, stats }); });
  return scope;
}

const root = make(null, null, { name: data.name, open: true });
const top_ = openScope(data, root);
root.scope = top_;
root.size = data.nodes.length;
const opens = (item) => item !== root && (item.children.length > 0 || !!item.described?.composed);

function toggle(item, open = !item.open) {
  if (!opens(item)) return;
  if (open && item.described && !item.inner) openScope(item.described.composed, item);
  item.open = open;
}

// The box that stands for an item: itself, or the outermost folded group around it.
function shown(item) {
  let box = item;
  for (let p = item.parent; p; p = p.parent) if (!p.open) box = p;
  return box;
}

// At first all is open that fits a screen.
function openSome(room) {
  const todo = [root];
  let count = root.children.length;
  while (todo.length) {
    const group = todo.shift();
    for (const item of group.repeats ? [] : group.children) {
      if (item.described || count + item.children.length > room) continue;
      toggle(item, true);
      count += item.children.length;
      todo.push(item);
    }
  }
}

// ---- the picture

let boxes = [], wires = [], size = { w: 0, h: 0 };

function arrange() {
  const chips = new Map(), drawn = new Map(), ports = new Map(), links = new Map();
  const path = (item) => { const all = []; for (let p = item; p; p = p.parent) all.unshift(p); return all; };
  const link = (place, from, to) => { // one wire's way inside one open group
    const own = links.get(place) || links.set(place, new Map()).get(place), key = `${from.id}>${to.id}`;
    return own.get(key) || own.set(key, { place, from, to }).get(key);
  };
  const port = (kind, place, a) => {
    const key = `${kind}${a.id}@${place.id}`;
    return ports.get(key) || ports.set(key, { id: key, port: kind, parent: place, w: 2, h: 0 }).get(key);
  };

  // A named input is drawn at the edge of its graph, or of the part that reads it where parts repeat; what belongs to a
  // module, or has no name, is drawn at its reader.
  const chip = (scope, v, reader, box) => {
    const name = scope.values[v].name, besideReader = name.includes(".") || !name;
    if (reader !== box && (besideReader || box.parent.repeats)) return null;
    let place = box.parent;
    if (!besideReader) while (place !== scope.root && !place.parent.repeats) place = place.parent;
    const key = `${scope.root.id}:${v}@${place.id}`;
    if (!chips.has(key)) chips.set(key, { id: key, leaf: true, children: [], scope, value: v, parent: place });
    return chips.get(key);
  };
  const opened = items.filter((item) => item.described && item.open && shown(item) === item);
  const scopes = [top_, ...opened.map((item) => item.inner)];
  for (const scope of scopes)
    scope.nodes.forEach((node, n) => {
      const reader = scope.ops[n], b = shown(reader);
      node.args.forEach((v, k) => {
        if (!isValue(v)) return;
        const made = scope.values[v].node;
        const a = made === null ? chip(scope, v, reader, b) : shown(scope.ops[made]);
        if (!a || a === b) return;
        const key = `${a.id}>${b.id}`;
        if (!drawn.has(key)) {
          const [up, down] = [path(a), path(b)];
          let d = 0;
          while (up[d] === down[d]) d++;
          const way = [];
          for (let i = up.length - 1; i > d; i--) way.push(link(up[i - 1], up[i], port("out", up[i - 1], a)));
          way.push(link(up[d - 1], up[d], down[d]));
          for (let i = d; i < down.length - 1; i++) way.push(link(down[i], port("in", down[i], a), down[i + 1]));
          drawn.set(key, { a, b, scope, way, reads: [] });
        }
        drawn.get(key).reads.push([n, k, v]);
      });
    });

  boxes = []; wires = [...drawn.values()];
  const within = (all, item) => [...all.values()].filter((box) => box.parent === item);
  const measure = (item) => {
    if (item.port) return;
    item.lines = lines(item);
    const padding = item.leaf ? 28 : opens(item) ? 34 : 18;
    item.w = Math.max(60, ...item.lines.map((text, i) => text.length * (i ? 6.3 : 7.7) + padding));
    item.h = item.lines.length > 2 || !item.leaf && !item.described ? 52 : 40;
    if (!item.open) return;
    const mine = within(ports, item), [coming, going] = ["in", "out"].map((kind) => mine.filter((p) => p.port === kind));
    const inner = [...coming, ...within(chips, item), ...item.children, ...going];
    inner.forEach(measure);
    const rank = new Map(inner.map((box, i) => [box, i])), own = [...(links.get(item) || []).values()];
    const found = layered(inner, own.map(({ from, to }) => [rank.get(from), rank.get(to)]));
    own.forEach((link, i) => { link.bends = found.bends[i]; });
    item.inside = inner;
    item.w = Math.max(found.w + 32, item.lines[0].length * 7.2 + 40);
    item.h = found.h + 48;
    item.left = (item.w - found.w) / 2;
  };
  const settleDown = (item, x, y) => { // x, y: its top left corner
    Object.assign(item, { X: x, Y: y, reach: [x, y, x + item.w, y + item.h] });
    if (item !== root && !item.port) boxes.push(item);
    for (const b of item.open ? item.inside : []) settleDown(b, x + item.left + b.x - b.w / 2, y + 34 + b.y - b.h / 2);
  };
  measure(root);
  settleDown(root, 0, 0);
  size = { w: root.w, h: root.h };
}

const round = (x) => String(Number(Number(x).toPrecision(2)));
// What several statistics have in common: their range.
function span(all) {
  const some = all.filter((s) => s && s.min !== undefined);
  const first = (key, sign) => some.map((s) => s[key]).reduce((a, b) => sign * (a - b) <= 0 ? a : b);
  return some.length ? { min: first("min", 1), max: first("max", -1) } : null;
}
const rough = (s) => !s || s.min === undefined ? "" : s.min === s.max ? brief(s) : `${round(s.min)} … ${round(s.max)}`;

// What stands in a box: its name, its shape or number, and its gradient, if it gets one.
function lines(item) {
  const end = (values) => values.some((v) => v.gradient) ? [`∂ ${rough(span(values.map((v) => v.gradient)))}`] : [];
  const size = (values) => {
    const shapes = values.map((v) => v.shape);
    if (shapes.length === 1) return shapes[0] === "()" ? `= ${brief(values[0].value)}` : shapes[0];
    return new Set(shapes).size === 1 ? `${shapes.length} × ${shapes[0]}` : shapes.join(" ");
  };
  if (item.leaf) {
    const v = item.scope.values[item.value];
    return [v.name.split(".").slice(-2).join(".") || "constant", size([v]), ...end([v])];
  }
  if (!item.described) return [item.name, `${item.size} ops`];
  const { op, outs, args } = item.described;
  const values = outs.filter((v) => v !== null).map((v) => item.scope.values[v]);
  const title = [op, ...args.filter((a) => !isValue(a) && a !== "None")].join(" ");
  const name = values.map((v) => v.name).filter(Boolean).join(", ");
  return [name ? `${name} = ${title}` : title, size(values), ...end(values)];
}

function draw() {
  const t0 = performance.now();
  arrange();
  const wire = (w) => {
    const below = (box) => [box.X + box.w / 2, box.port ? box.parent.Y + box.parent.h : box.Y + box.h];
    const above = (box) => [box.X + box.w / 2, box.port ? box.parent.Y : box.Y];
    const points = w.way.flatMap(({ place, from, to, bends }) => [
      ...(from.port ? [above(from), [from.X, from.Y]] : []),
      ...bends.map(([x, y]) => [place.X + place.left + x, place.Y + 34 + y]),
      ...(to.port ? [below(to)] : []),
    ]);
    points.push(above(w.b));
    const all = [below(w.a), ...points], [xs, ys] = [all.map((p) => p[0]), all.map((p) => p[1])];
    w.reach = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    let [x, y] = below(w.a), d = `M${x} ${y}`;
    const far = points.length === 1 && points[0][1] - y > 900;
    for (const [u, v] of points) {
      const m = Math.min(60, (v - y) / 2);
      d += Math.abs(x - u) < 1 ? `L${u} ${v}` : `C${x} ${y + m} ${u} ${v - m} ${u} ${v}`;
      [x, y] = [u, v];
    }
    Object.assign(w, { kind: `wire${far ? " far" : ""}`, svg: `<path d="${d}"/>` });
  };
  const box = (b) => {
    const kind = b.leaf ? `leaf${b.scope.values[b.value].requires_grad ? " requires-grad" : ""}`
      : `${b.open ? "open " : ""}${b.described ? (b.described.composed ? "by-hand" : "op") : "group"}`;
    const mid = b.w / 2, mark = opens(b) ? (b.open ? "⊟ " : "⊞ ") : "";
    const line = (kind, x, y, words) => `<text class="${kind}" x="${x}" y="${y}">${safe(words)}</text>`;
    const text = b.open ? line("name", 12, 20, mark + b.lines[0])
      : line("name", mid, 17, mark + b.lines[0]) + line("soft", mid, 31, b.lines[1]);
    b.kind = `box ${kind}`;
    b.svg = `<g data-id="${b.id}" transform="translate(${b.X} ${b.Y})"><rect width="${b.w}" height="${b.h}" ` +
      `rx="${b.leaf ? 24 : 6}"/>${text}<text class="grad" x="${mid}" y="45"></text></g>`;
  };
  boxes.forEach(box);
  wires.forEach(wire);
  for (const element of [...boxes, ...wires]) Object.assign(element, { mark: null, on: "", text: "" });
  for (const layer of ["grounds", "wires", "boxes"]) $(layer).replaceChildren();
  order = sequence();
  update();
  document.body.dataset.drawn = Math.round(performance.now() - t0);
  document.body.dataset.boxes = boxes.length;
}

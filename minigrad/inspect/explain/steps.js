// ---- the backward pass, step by step, and the text about a box

let step = null; // null: all gradients are shown; n: n nodes are done, the last of them is the active one
let chosen = null, order = [];

// Backward visits the youngest node first; the composition of an open op by hand follows the op itself.
function sequence() {
  const found = [];
  const visit = (scope) => {
    for (let n = scope.nodes.length - 1; n >= 0; n--) {
      const item = scope.ops[n];
      if (!item.described.vjps) continue;
      found.push(item);
      if (item.open && item.inner) visit(item.inner);
    }
  };
  visit(top_);
  return found;
}

const active = () => step ? order[step - 1] : null;

// The gradient that has arrived at a value so far.
function gradient(scope, v) {
  if (step === null) return scope.values[v].gradient;
  let last = null;
  for (const arrival of scope.arrivals[v]) if (arrival.node >= (scope.reached ?? Infinity)) last = arrival.stats.at(-1);
  return last;
}

// How a box or a wire looks now. It is in the page only while it is in sight, and is touched only if that changes.
function setState(element, on, text = "") {
  if (element.on === on && element.text === text) return;
  Object.assign(element, { on, text });
  if (element.mark) paint(element);
}

function paint(element) {
  element.mark.setAttribute("class", `${element.kind} ${element.on}`);
  if (element.lines) element.mark.lastChild.textContent = element.text;
}

const classes = (all) => Object.keys(all).filter((name) => all[name]).join(" ");

function update() {
  if (step !== null) step = Math.max(0, Math.min(step, order.length));
  for (const item of items) if (item.inner) item.inner.reached = Infinity;
  const counts = new Map(), now = active(), nowBox = now && shown(now);
  if (step !== null) for (const item of order.slice(0, step)) {
    item.scope.reached = item.node;
    const box = shown(item);
    counts.set(box, (counts.get(box) || 0) + 1);
  }
  for (const b of boxes) {
    let text = "";
    if (b.leaf) text = rough(gradient(b.scope, b.value));
    else if (b.described && !b.open) text = rough(span(b.described.outs.map((v) => v === null ? null : gradient(b.scope, v))));
    else if (!b.open && counts.has(b)) text = `${counts.get(b)} done`;
    const done = step !== null && (b.leaf ? text : counts.has(b));
    if (text && (b.leaf || b.described)) text = `∂ ${text}`;
    setState(b, classes({ done, active: b === nowBox, chosen: b === chosen }), text || "");
  }
  for (const w of wires)
    setState(w, classes({
      done: step !== null && w.reads.some(([n, k]) => n >= w.scope.reached && w.scope.nodes[n].vjps?.[k]),
      active: now && now.scope === w.scope && w.reads.some(([n, k]) => n === now.node && now.described.vjps[k]),
      chosen: chosen !== null && (w.a === chosen || w.b === chosen),
    }));
  $("step").textContent = step === null ? `backward: ${order.length} steps` : `backward: step ${step} of ${order.length}`;
  $("panel").innerHTML = panel();
  $("panel").classList.toggle("active-rule", !!now);
  document.body.dataset.step = step ?? "";
  document.body.dataset.active = now ? now.described.op : "";
}

// ---- the panel

const COLUMNS = ["min", "max", "mean", "std", "zeros", "nan"];
const soft = (text) => `<small class="soft">${safe(text)}</small>`;
const part = (title, body) => `<h3>${title}</h3>${body}`;
const is0d = (s) => s.numbers && !s.numbers.includes("[");

// rows: [name, statistics, whether they just arrived]; names get lines of their own where there is too little room
function table(rows, numbers = true) {
  const ranges = rows.filter(([, s]) => s && !is0d(s)), most = (of) => Math.max(0, ...ranges.map((row) => of(row).length));
  const plain = (name) => name.replace(/<[^>]*>/g, "");
  const letters = COLUMNS.reduce((sum, c) => sum + Math.max(c.length, most(([, s]) => String(s[c] ?? ""))), 0);
  const narrow = letters + most(([name]) => plain(name)) > ($("panel").clientWidth - 100) / 7; // 7 pixels a letter
  const head = `<tr><th></th>${COLUMNS.map((c) => `<th>${c === "nan" ? "NaN" : c}</th>`).join("")}</tr>`;
  const bad = (s) => s.nan + s.inf ? ' class="bad"' : "";
  const cell = (s, c) => c === "nan" ? `<td${bad(s)}>${s.nan}${s.inf ? ` + ${s.inf} inf` : ""}</td>`
    : `<td>${safe(s[c] ?? "")}</td>`;
  const one = ([name, s, now]) => {
    const row = now ? '<tr class="now">' : "<tr>", long = s ? narrow && !is0d(s) : plain(name).length > 10;
    const first = long ? `${row}<td class="long" colspan="7">${name}</td></tr>${row}<td></td>` : `${row}<td>${name}</td>`;
    if (!s) return `${first}<td colspan="6" class="soft">none yet</td></tr>`;
    if (is0d(s)) return `${first}<td${bad(s)}>${safe(s.numbers)}</td><td colspan="5"></td></tr>`;
    const all = `<tr><td class="numbers" colspan="7"><code>${safe(s.numbers)}</code></td></tr>`;
    return `${first}${COLUMNS.map((c) => cell(s, c)).join("")}</tr>${numbers && s.numbers ? all : ""}`;
  };
  return `<table>${rows.some(([, s]) => s && !is0d(s)) ? head : ""}${rows.map(one).join("")}</table>`;
}

function label(scope, a) {
  const v = scope.values[a], made = v.node === null ? null : scope.ops[v.node], outs = made?.described.outs;
  const part = outs?.length > 1 ? `[${outs.indexOf(a)}]` : ""; // one of several values
  const name = safe(v.name || (made ? made.described.op + part : "constant"));
  return `${made ? `<a data-go="${made.id}">${name}</a>` : name} ${soft(v.shape)}`;
}

function origin({ described, scope }) {
  if (scope !== top_) return `<p class="soft">In the composition of ${safe(scope.root.described.op)}.</p>`;
  if (!described.origin)
    return `<p class="soft">Not known. Run what computes it <code>with mg.explain.trace():</code>
      to see your line and the module here.</p>`;
  const module = described.module ? ` · module <b>${safe(described.module)}</b>` : "";
  return `<p>${safe(described.origin)}${module}</p>${described.code ? `<pre>${safe(described.code)}</pre>` : ""}`;
}

// An equation and, in a second column, its derivative: here the panel is narrow, and the derivative goes below.
const stacked = (formula) => formula.replace(/^ {4} *(\S.*)$/gm, (line, text) => {
  const columns = text.split(/ {4,}/), first = line.startsWith(" ".repeat(9)) ? [] : [`  ${columns.shift()}`];
  return [...first, ...columns.length ? [`    ${columns.join("  ")}`] : []].join("\n");
});

function ofOp(item) {
  const { described: node, scope } = item, rule = data.ops[node.op];
  const settings = Object.entries(node.settings).map(([key, value]) => `${key}=${value}`).join(", ");
  const byHand = !node.composed ? "" : `<p>Its derivative is written by hand. It must equal a composition of
    ${node.composed.nodes.length} ops: <a data-open="${item.id}">${item.open ? "fold" : "open"} it</a> (Enter). All their
    values and gradients agree here to within <b>${safe(node.composed.max_difference)}</b>.</p>`;
  const values = node.outs.map((v, i) => [node.outs.length > 1 ? `value[${i}]` : "value", v]).filter(([, v]) => v !== null);
  const forward = [
    ...node.args.filter(isValue).map((a) => [label(scope, a), scope.values[a].value]),
    ...values.map(([name, v]) => [`<b>${name}</b> ${soft(scope.values[v].shape)}`, scope.values[v].value]),
  ];
  const out = step !== null && item.node < scope.reached ? [] : node.args.flatMap((a, k) => {
    const [arrived, sum] = node.vjps?.[k] ?? [];
    return [
      ...(arrived ? [[`to ${label(scope, a)}`, arrived, item === active()]] : []),
      ...(sum ? [['<span class="soft">sum so far</span>', sum]] : []),
    ];
  });
  const nothing = `<p class="soft">${node.vjps ? "Not yet: press →." : "No gradient comes here."}</p>`;
  const derived = rule.derived ? `<p class="soft">Derived from the rule: ${safe(rule.derived)}</p>` : "";
  return `<h2>${safe(node.op)} ${soft(settings)}</h2><pre class="formula">${safe(stacked(rule.formula))}</pre>${derived}${byHand}` +
    part("Made at", origin(item)) + part("Forward", table(forward)) +
    part("Backward: gradient in", table(values.map(([name, v]) => [`∂ ${name}`, gradient(scope, v)]))) +
    part("Backward: gradients out, by the rule below", out.length ? table(out) : nothing) +
    part(`The rule, in ${safe(rule.module)}`, `<pre>${safe(rule.source)}</pre>`);
}

function ofLeaf({ scope, value }) {
  const v = scope.values[value], arrived = scope.arrivals[value].filter((a) => step === null || a.node >= scope.reached);
  const from = (n) => n === Infinity ? "from outside" : `from <a data-go="${scope.ops[n].id}">${safe(scope.nodes[n].op)}</a>`;
  const rows = [["<b>sum</b>", gradient(scope, value)], ...arrived.slice(-40).map((a) => [from(a.node), a.stats[0]])];
  const title = `Gradient${step === null ? "" : " so far"}, a sum of ${arrived.length}`;
  return `<h2>${safe(v.name || "constant")} ${soft(`${v.shape} ${v.value.dtype}`)}</h2>` +
    `<p class="soft">${v.requires_grad ? "A leaf that requires a gradient." : "A constant: no gradient is wanted."}</p>` +
    part("Value", table([["", v.value]])) + (v.requires_grad ? part(title, table(rows)) : "");
}

function ofGroup(item) {
  const count = new Map();
  const walk = (i) => i.described ? count.set(i.described.op, (count.get(i.described.op) || 0) + 1) : i.children.forEach(walk);
  item.children.forEach(walk);
  const ops = [...count].sort((a, b) => b[1] - a[1]).map(([op, n]) => `${n} × ${safe(op)}`).join(", ");
  const alike = "Parts that do the same ops on the same shapes, one after the other, such as time steps.";
  return `<h2>${safe(item.name)}</h2><p>${item.size} ops: ${ops}.</p>` + (item.repeats ? `<p>${alike}</p>` : "") +
    `<p><a data-open="${item.id}">${item.open ? "Fold" : "Open"} it</a> (Enter)</p>`;
}

function running() {
  const now = active(), fresh = new Set(now ? now.described.args.filter((a, k) => now.described.vjps[k]) : []);
  const scope = now ? now.scope : top_;
  const rows = [...scope.values.entries()].filter(([, v]) => v.node === null && v.requires_grad)
    .map(([i, v]) => [safe(v.name || "leaf"), gradient(scope, i), fresh.has(i)]);
  return rows.length ? part(`Gradients of the leaves${step === null ? "" : " so far"}`, table(rows, rows.length < 6)) : "";
}

function panel() {
  const box = chosen ?? active();
  if (box) return (box.leaf ? ofLeaf(box) : box.described ? ofOp(box) : ofGroup(box)) + (chosen ? "" : running());
  const out = data.values.find((v) => v.cotangent), name = safe(data.name);
  const hint = step === 0 ? "The gradient of the output with respect to itself is where backward starts. Press →."
    : "Press → to go back through the graph one rule at a time, or choose a box.";
  return `<h2>${name} ${soft(out.shape)}</h2><p>${data.nodes.length} ops. <span class="g">∂</span> is the gradient of ${name}
    with respect to a value.</p><p>${hint}</p>${table([["value", out.value], ["∂ to start from", out.cotangent]])}${running()}`;
}

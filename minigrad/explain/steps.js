// ---- the backward pass, step by step, and what is said of a box

let step = null; // null: all gradients are shown; n: n nodes are done, the last of them is the active one
let chosen = null, order = [];

// Backward visits the youngest node first; the composition of an open fused op follows the op itself.
function sequence() {
  const found = [];
  const visit = (scope) => {
    for (let n = scope.nodes.length - 1; n >= 0; n--) {
      const item = scope.ops[n];
      if (!item.about.pulled) continue;
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
  for (const arrival of scope.arrivals[v]) if (arrival.node >= (scope.reached ?? Infinity)) last = arrival.told.at(-1);
  return last;
}

// How a box or a wire looks now. It is in the page only while it is in sight, and is touched only if that changes.
function mark(what, on, text = "") {
  if (what.on === on && what.text === text) return;
  Object.assign(what, { on, text });
  if (what.mark) paint(what);
}

function paint(what) {
  what.mark.setAttribute("class", `${what.kind} ${what.on}`);
  if (what.lines) what.mark.lastChild.textContent = what.text;
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
    else if (b.about && !b.open) text = b.about.outs.map((v) => v === null ? "" : rough(gradient(b.scope, v))).find(Boolean) ?? "";
    else if (!b.open && counts.has(b)) text = `${counts.get(b)} done`;
    const done = step !== null && (b.leaf ? text : counts.has(b));
    mark(b, classes({ done, active: b === nowBox, chosen: b === chosen }), text && (b.leaf || b.about) ? `∂ ${text}` : text);
  }
  for (const w of wires)
    mark(w, classes({
      done: step !== null && w.at.some(([n, k]) => n >= w.scope.reached && w.scope.nodes[n].pulled?.[k]),
      active: now && now.scope === w.scope && w.at.some(([n, k]) => n === now.node && now.about.pulled[k]),
      chosen: chosen !== null && (w.a === chosen || w.b === chosen),
    }));
  $("step").textContent = step === null ? `backward: ${order.length} steps` : `backward: step ${step} of ${order.length}`;
  $("panel").innerHTML = panel();
  $("panel").classList.toggle("active-rule", !!now);
  document.body.dataset.step = step ?? "";
  document.body.dataset.active = now ? now.about.op : "";
}

// ---- the panel

const COLUMNS = ["min", "max", "mean", "std", "zeros", "nan"];

// rows: [name, statistics, whether they just came]; a long name gets a line of its own
function table(rows, numbers = true) {
  const head = `<tr><th></th>${COLUMNS.map((c) => `<th>${c === "nan" ? "NaN" : c}</th>`).join("")}</tr>`;
  const cell = (s, c) => c !== "nan" ? `<td>${safe(s[c] ?? "")}</td>`
    : `<td${s.nan + s.inf ? ' class="bad"' : ""}>${s.nan}${s.inf ? ` + ${s.inf} inf` : ""}</td>`;
  const one = ([name, s, now]) => {
    const plain = name.replace(/<[^>]*>/g, ""), row = now ? '<tr class="now">' : "<tr>";
    const long = plain.length > 12 && !(s?.numbers && !s.numbers.includes("[")) ? `${row}<td class="long" colspan="7">${name}</td></tr>` : "";
    const first = `<td>${long ? "" : name}</td>`;
    if (!s) return `${long}${row}${first}<td colspan="6" class="soft">none yet</td></tr>`;
    if (s.numbers && !s.numbers.includes("[")) return `${long}${row}${first}<td${s.nan + s.inf ? ' class="bad"' : ""}>${safe(s.numbers)}</td><td colspan="5"></td></tr>`;
    return `${long}${row}${first}${COLUMNS.map((c) => cell(s, c)).join("")}</tr>` +
      (numbers && s.numbers ? `<tr><td class="numbers" colspan="7"><code>${safe(s.numbers)}</code></td></tr>` : "");
  };
  return `<table>${rows.some(([, s]) => s && !(s.numbers && !s.numbers.includes("["))) ? head : ""}${rows.map(one).join("")}</table>`;
}

function label(scope, a) {
  if (!isValue(a)) return safe(a);
  const v = scope.values[a], made = v.node === null ? null : scope.ops[v.node];
  const name = safe(v.name || (made ? made.about.op : "constant"));
  return (made ? `<a data-go="${made.id}">${name}</a>` : name) + ` <span class="soft">${safe(v.shape)}</span>`;
}

function where(item) {
  const { where, code, module } = item.about;
  if (item.scope !== top_) return `<p class="soft">In the composition of ${safe(item.scope.root.about.op)}.</p>`;
  if (!where) return '<p class="soft">Not known. Run what computes it <code>with mg.explain.recording():</code> and your line and the module stand here.</p>';
  return `<p>${safe(where)}${module ? ` · module <b>${safe(module)}</b>` : ""}</p>${code ? `<pre>${safe(code)}</pre>` : ""}`;
}

function ofOp(item) {
  const { about: node, scope } = item, told = data.ops[node.op], late = step !== null;
  const came = node.outs.map((v, i) => [node.outs.length > 1 ? `value ${i}` : "value", v]).filter(([, v]) => v !== null);
  const done = !late || item.node >= scope.reached;
  const pulled = node.args.flatMap((a, k) => isValue(a) && node.pulled?.[k] && done ? [[`to ${label(scope, a)}`, node.pulled[k][0], item === active()],
    ...(node.pulled[k].length > 1 ? [[`<span class="soft">sum there so far</span>`, node.pulled[k][1]]] : [])] : []);
  const settings = Object.entries(node.settings).map(([k, v]) => `${k}=${v}`).join(", ");
  const fused = node.composed ? `<p>Written by hand for speed. It must equal a composition of ${node.composed.nodes.length} ops, ` +
    `<a data-open="${item.id}">${item.open ? "fold it" : "open it"} (Enter)</a>. All values and gradients agree here to within <b>${safe(node.composed.differs)}</b>.</p>` : "";
  return `<h2>${safe(node.op)} <small class="soft">${safe(settings)}</small></h2><pre class="formula">${safe(told.formula)}</pre>${fused}<h3>Made at</h3>${where(item)}` +
    `<h3>Forward</h3>${table([...node.args.filter(isValue).map((a) => [label(scope, a), scope.values[a].value]), ...came.map(([name, v]) => [`<b>${name}</b> <span class="soft">${safe(scope.values[v].shape)}</span>`, scope.values[v].value])])}` +
    `<h3>Backward: gradient in</h3>${came.length ? table(came.map(([name, v]) => [`∂ ${name}`, gradient(scope, v)])) : ""}` +
    `<h3>Backward: gradients out, by the rule below</h3>${pulled.length ? table(pulled) : `<p class="soft">${node.pulled ? "Not yet: press →." : "No gradient comes here."}</p>`}` +
    `<h3>The rule, in ${safe(told.module)}</h3><pre>${safe(told.source)}</pre>`;
}

function ofLeaf({ scope, value }) {
  const v = scope.values[value], arrivals = scope.arrivals[value].filter((a) => step === null || a.node >= scope.reached);
  const rows = arrivals.map((a) => [a.node === Infinity ? "from outside" : `from <a data-go="${scope.ops[a.node].id}">${safe(scope.nodes[a.node].op)}</a>`, a.told[0]]);
  const last = rows.slice(-40);
  return `<h2>${safe(v.name || "constant")} <small class="soft">${safe(v.shape)} ${safe(v.value.dtype)}</small></h2>` +
    `<p class="soft">${v.learns ? "A leaf that requires a gradient." : "A constant: no gradient is wanted."}</p>` +
    `<h3>Value</h3>${table([["", v.value]])}` +
    (v.learns ? `<h3>Gradient${step === null ? "" : " so far"}, a sum of ${rows.length}</h3>${table([["<b>sum</b>", gradient(scope, value)], ...last])}` : "");
}

function ofGroup(item) {
  const count = new Map();
  const walk = (i) => i.about ? count.set(i.about.op, (count.get(i.about.op) || 0) + 1) : i.children.forEach(walk);
  item.children.forEach(walk);
  const parts = [...count].sort((a, b) => b[1] - a[1]).map(([op, n]) => `${n} × ${safe(op)}`).join(", ");
  return `<h2>${safe(item.name)}</h2><p>${item.size} ops: ${parts}.</p>` +
    `<p><a data-open="${item.id}">${item.open ? "Fold" : "Open"} it (Enter)</a></p>` +
    (item.repeats ? "<p class='soft'>Parts that do the same ops on the same shapes, one after the other, such as time steps.</p>" : "");
}

function running() {
  const at = active(), fresh = new Set(at ? at.about.args.filter((a, k) => at.about.pulled[k]) : []);
  const scope = at ? at.scope : top_;
  const rows = scope.values.map((v, i) => [i, v]).filter(([, v]) => v.node === null && v.learns)
    .map(([i, v]) => [safe(v.name || "leaf"), gradient(scope, i), fresh.has(i)]);
  return rows.length ? `<h3>Gradients of the leaves${step === null ? "" : " so far"}</h3>${table(rows, rows.length < 6)}` : "";
}

function panel() {
  const box = chosen ?? active();
  if (box) return (box.leaf ? ofLeaf(box) : box.about ? ofOp(box) : ofGroup(box)) + (chosen ? "" : running());
  const out = data.values.findIndex((v) => v.seed);
  const start = step === 0 ? "<p>The gradient of the output with respect to itself is where backward starts. Press → for the first rule.</p>"
    : "<p>Press → to go back through the graph one rule at a time, or choose a box.</p>";
  return `<h2>${safe(data.name)} <small class="soft">${safe(data.values[out].shape)}</small></h2><p>${data.nodes.length} ops. ` +
    `<span class="g">∂</span> is the gradient of ${safe(data.name)} with respect to a value.</p>${start}` +
    table([["value", data.values[out].value], ["∂ to start from", data.values[out].seed]]) + running();
}

// ---- moving about: keys, mouse, zoom

const svg = $("graph");
let view = { x: 0, y: 0, k: 1 };

function look() {
  const { width, height } = svg.getBoundingClientRect(), { x, y, k } = view;
  $("world").setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
  $("world").classList.toggle("small", k < 0.25);
  const [left, up, right, down] = [-x / k, -y / k, (width - x) / k, (height - y) / k];
  const fresh = { grounds: [], wires: [], boxes: [] };
  for (const element of [...boxes, ...wires]) { // elements out of sight are taken out: thousands are slow
    const [l, u, r, d] = element.reach, seen = r >= left && l <= right && d >= up && u <= down;
    if (seen && !element.mark) fresh[element.way ? "wires" : element.open ? "grounds" : "boxes"].push(element);
    else if (!seen && element.mark) { element.mark.remove(); element.mark = null; }
  }
  for (const [layer, list] of Object.entries(fresh)) {
    const holder = document.createElementNS(svg.namespaceURI, "g");
    holder.innerHTML = list.map((element) => element.svg).join("");
    [...holder.children].forEach((mark, i) => { list[i].mark = mark; paint(list[i]); });
    $(layer).append(...holder.childNodes);
  }
}

function fit(least = 0) {
  const { width, height } = svg.getBoundingClientRect();
  const k = Math.max(least, Math.min(1.4, width / (size.w + 24), height / (size.h + 24)));
  const y = size.h * k > height ? height - (size.h + 12) * k : (height - size.h * k) / 2; // too high: its end is in sight
  view = { k, x: (width - size.w * k) / 2, y };
  look();
}

function zoom(by, x, y) {
  const { width, height } = svg.getBoundingClientRect();
  const k = Math.max(0.02, Math.min(4, view.k * by)), r = k / view.k;
  [x, y] = [x ?? width / 2, y ?? height / 2];
  view = { k, x: x - (x - view.x) * r, y: y - (y - view.y) * r };
  look();
}

function bringIn(box) {
  const { width, height } = svg.getBoundingClientRect(), { k } = view;
  const x = (box.X + box.w / 2) * k + view.x, top = box.Y * k + view.y, bottom = top + Math.min(box.h, 120) * k;
  if (x < 60 || x > width - 60 || top < 0 || bottom > height) {
    if (k < 0.5) view.k = 0.9;
    view.x = width / 2 - (box.X + box.w / 2) * view.k;
    view.y = height / 2 - (box.Y + Math.min(box.h / 2, 60)) * view.k;
    look();
  }
}

function goTo(next) {
  step = next;
  chosen = null;
  update();
  if (active()) bringIn(shown(active()));
}

function choose(box) {
  chosen = box;
  if (box && !boxes.includes(box)) chosen = shown(box);
  update();
  if (chosen) bringIn(chosen);
}

function jump(by) {
  const before = active() && shown(active());
  let next = (step ?? 0) + by;
  while (next > 0 && next < order.length && shown(order[next - 1]) === before) next += by;
  goTo(next);
}

function flip(item) {
  const { X, Y, w } = item, was = boxes.includes(item);
  toggle(item);
  draw();
  if (was && boxes.includes(item)) { // the box stays where it was on the screen
    view.x += (X + w / 2 - item.X - item.w / 2) * view.k;
    view.y += (Y - item.Y) * view.k;
  }
  look();
}

function all(open) {
  for (const item of [...items]) if (!item.described || !open) toggle(item, open);
  if (chosen && !chosen.leaf) chosen = shown(chosen);
  draw();
  fit(open ? 0.5 : 0);
}

const neighbour = (up) => {
  const box = chosen ?? (active() && shown(active()));
  const found = box ? wires.map((w) => up ? [w.b, w.a] : [w.a, w.b]).find(([from]) => from === box)?.[1]
    : shown(top_.ops.at(-1));
  if (found) choose(found);
};

const KEYS = {
  ArrowRight: (e) => e.shiftKey ? jump(1) : goTo((step ?? 0) + 1),
  ArrowLeft: (e) => e.shiftKey ? jump(-1) : goTo(Math.max(0, (step ?? 0) - 1)),
  Home: () => goTo(0), End: () => goTo(order.length),
  ArrowUp: () => neighbour(true), ArrowDown: () => neighbour(false),
  Enter: () => { const box = chosen ?? (active() && shown(active())); if (box) flip(box); },
  o: () => all(true), c: () => all(false),
  f: () => fit(), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
  Escape: () => { step = null; chosen = null; update(); },
  "?": () => $("help").open ? $("help").close() : $("help").showModal(),
};
addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || !KEYS[e.key] || (e.target.tagName === "BUTTON" && e.key === "Enter")) return;
  if ($("help").open && e.key !== "?") return;
  e.preventDefault();
  KEYS[e.key](e);
});
$("bar").addEventListener("click", (e) => { const key = e.target.dataset?.key; if (key) { KEYS[key](e); svg.focus(); } });

const boxAt = (e) => boxes.find((b) => String(b.id) === e.target.closest?.(".box")?.dataset.id);
let from = null;
svg.addEventListener("pointerdown", (e) => { from = { x: e.clientX, y: e.clientY, view: { ...view }, moved: false }; });
addEventListener("pointermove", (e) => {
  if (!from) return;
  const [dx, dy] = [e.clientX - from.x, e.clientY - from.y];
  from.moved ||= Math.hypot(dx, dy) > 4;
  if (!from.moved) return;
  view = { ...from.view, x: from.view.x + dx, y: from.view.y + dy };
  svg.classList.add("drag");
  look();
});
addEventListener("pointerup", (e) => {
  if (from && !from.moved && svg.contains(e.target)) { chosen = boxAt(e) || null; update(); }
  from = null;
  svg.classList.remove("drag");
});
svg.addEventListener("dblclick", (e) => { const box = boxAt(e); if (box && !box.leaf) flip(box); });
svg.addEventListener("wheel", (e) => {
  e.preventDefault();
  if (e.ctrlKey) zoom(Math.exp(-e.deltaY / 200), e.offsetX, e.offsetY);
  else { view.x -= e.deltaX; view.y -= e.deltaY; look(); }
}, { passive: false });
$("panel").addEventListener("click", (e) => {
  const { go, open } = e.target.dataset ?? {};
  if (go) choose(items[go]);
  if (open) flip(items[open]);
});
addEventListener("resize", () => look());

$("title").innerHTML = `${safe(data.name)} <small>${data.nodes.length} ops</small>`;
openSome(40);
draw();
fit(0.6);
document.body.dataset.ready = Math.round(performance.now());

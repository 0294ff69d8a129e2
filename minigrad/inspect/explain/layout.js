// A layered layout (Sugiyama, Tagawa & Toda 1981): rows by the longest path, an order in each row that crosses few
// wires (barycentres), and the x closest to the neighbours' that leaves no overlap.

const GAP = 20, ROW = 36, FAR = 14; // pixels between neighbours and between rows; wires over more rows are not routed

// boxes: [{w, h, port}] in an order in which each comes after those it reads; links: [[from, to]]. A port is where a
// wire comes in ("in", above all boxes) or leaves ("out", below). Gives each box x, y (its centre), and returns the
// size and the bends of the links that cross rows.
function layered(boxes, links) {
  const into = boxes.map(() => []), out = boxes.map(() => []), row = boxes.map(() => 0);
  for (const [a, b] of links) { into[b].push(a); out[a].push(b); }
  boxes.forEach((_, b) => { for (const a of into[b]) row[b] = Math.max(row[b], row[a] + 1); });
  for (let a = boxes.length - 1; a >= 0; a--) // a box without inputs goes just above its first reader
    if (!into[a].length && out[a].length && !boxes[a].port) row[a] = Math.min(...out[a].map((b) => row[b])) - 1;
  const last = Math.max(...row);
  boxes.forEach((box, i) => { if (box.port === "out") row[i] = last; });

  const rows = [];
  const cell = (r, w, h, box) => {
    const c = { w, h, box, up: [], down: [], x: 0 };
    (rows[r] ??= []).push(c);
    return c;
  };
  const cells = boxes.map((box, i) => cell(row[i], box.w, box.h, box));
  const join = (a, b) => { a.down.push(b); b.up.push(a); };
  const routes = links.map(([a, b]) => {
    const route = [];
    if (row[b] - row[a] > FAR) return route;
    let end = cells[a];
    for (let r = row[a] + 1; r < row[b]; r++) { const c = cell(r, 4, 0, null); join(end, c); route.push(c); end = c; }
    join(end, cells[b]);
    return route;
  });
  for (let r = 0; r < rows.length; r++) rows[r] ??= [];

  const mean = (list, f) => list.reduce((sum, c) => sum + f(c), 0) / list.length;
  const number = (cells) => cells.forEach((c, i) => { c.i = i; });
  rows.forEach(number);
  for (let sweep = 0; sweep < 8; sweep++) {
    const [order, side] = sweep % 2 ? [[...rows].reverse(), "down"] : [rows, "up"];
    for (const cells of order) {
      for (const c of cells) c.key = c[side].length ? mean(c[side], (n) => n.i) : c.i;
      cells.sort((a, b) => a.key - b.key);
      number(cells);
    }
  }

  for (const cells of rows) settle(cells.map((c) => ({ c, want: 0 })));
  for (let sweep = 0; sweep < 12; sweep++) {
    const [order, sides] = sweep % 2 ? [[...rows].reverse(), ["down"]] : [rows, ["up"]];
    if (sweep > 9) sides.push(sides[0] === "up" ? "down" : "up");
    for (const cells of order)
      settle(cells.map((c) => {
        const near = sides.flatMap((side) => c[side]);
        return { c, want: near.length ? mean(near, (n) => n.x) : c.x };
      }));
  }

  let y = 0, left = Infinity, right = -Infinity;
  for (const [r, cells] of rows.entries()) {
    const h = Math.max(0, ...cells.map((c) => c.h)), next = rows[r + 1]?.some((c) => c.h);
    for (const c of cells) {
      c.y = y + h / 2; c.top = y; c.bottom = y + h;
      left = Math.min(left, c.x - c.w / 2); right = Math.max(right, c.x + c.w / 2);
    }
    y += h + (next === undefined ? 0 : h && next ? ROW : 10);
  }
  for (const c of rows.flat()) {
    c.x -= left;
    if (c.box) { c.box.x = c.x; c.box.y = c.box.port === "in" ? c.bottom : c.y; } // a wire passes the boxes of its row
  }
  const bends = routes.map((route) => route.flatMap((c) => [[c.x, c.top], [c.x, c.bottom]]));
  return { w: boxes.length ? right - left : 0, h: y, bends };
}

// Least squares to where the cells want to be, in their order and without overlap: pool adjacent violators.
function settle(wishes) {
  let shift = 0, before = null;
  const pools = [];
  for (const { c, want } of wishes) {
    if (before) shift += (before.w + c.w) / 2 + (before.h || c.h ? GAP : 8);
    before = c;
    let pool = { sum: want - shift, n: 1, cells: [[c, shift]] };
    while (pools.length && pools.at(-1).sum / pools.at(-1).n > pool.sum / pool.n) {
      const last = pools.pop();
      pool = { sum: last.sum + pool.sum, n: last.n + pool.n, cells: last.cells.concat(pool.cells) };
    }
    pools.push(pool);
  }
  for (const pool of pools) for (const [c, shift] of pool.cells) c.x = pool.sum / pool.n + shift;
}

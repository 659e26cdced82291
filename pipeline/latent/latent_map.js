// The map: a canvas that draws every row, zooms, pans, and says which row a click or a key means.
const latentMap = (canvas, data, state, onPick) => {
  const context = canvas.getContext("2d");
  const view = { scale: 1, x: 0.5, y: 0.5 };
  const SIDE = 65535;
  const CLICK = 14; // pixels
  let groups = { names: [], of: new Uint8Array(data.n) };
  let shown = [];
  let trail = [];
  let planned = 0;

  const places = () => data.pictures[state.encoder].places;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const size = () => Math.min(canvas.clientWidth, canvas.clientHeight) * 0.94 * view.scale;
  const toScreen = (i) => {
    const all = places();
    return [
      canvas.clientWidth / 2 + (all[2 * i] / SIDE - view.x) * size(),
      canvas.clientHeight / 2 - (all[2 * i + 1] / SIDE - view.y) * size(),
    ];
  };
  const toMap = (x, y) => [
    view.x + (x - canvas.clientWidth / 2) / size(),
    view.y - (y - canvas.clientHeight / 2) / size(),
  ];

  const drawGroup = (group, rows, frauds) => {
    context.fillStyle = colour(groups.names[group].colour);
    const radius = Math.min(1.1 * Math.sqrt(view.scale), 4) + (frauds ? 1.6 : 0);
    context.globalAlpha = frauds ? 0.95 : 0.6;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    rows.forEach((i) => {
      const [x, y] = toScreen(i);
      if (x < -5 || y < -5 || x > width + 5 || y > height + 5) return;
      if (frauds) {
        context.beginPath();
        context.arc(x, y, radius, 0, 7);
        context.fill();
      } else {
        context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      }
    });
    context.globalAlpha = 1;
  };
  const drawLabels = () => {
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3;
    context.strokeStyle = colour("--halo");
    context.fillStyle = colour("--ink");
    const taken = [];
    (groups.labels || []).forEach(({ text, x, y }) => {
      const [left, top] = [
        canvas.clientWidth / 2 + (x / SIDE - view.x) * size(),
        canvas.clientHeight / 2 - (y / SIDE - view.y) * size(),
      ];
      // The most important come first; zooming makes room for the others.
      if (taken.some(([x0, y0]) => Math.abs(x0 - left) < 30 && Math.abs(y0 - top) < 18)) return;
      taken.push([left, top]);
      context.strokeText(text, left, top);
      context.fillText(text, left, top);
    });
  };
  const drawTrail = () => {
    if (trail.length < 2) return;
    [["--paper", 5, []], ["--ink", 2, [4, 4]]].forEach(([name, width, dashes]) => {
      context.setLineDash(dashes);
      context.lineWidth = width;
      context.strokeStyle = colour(name);
      context.beginPath();
      trail.forEach((i, step) => context[step ? "lineTo" : "moveTo"](...toScreen(i)));
      context.stroke();
    });
    context.setLineDash([]);
  };
  // A pin: a ring around the point and its letter above, told from the points by their edge.
  const drawPicked = () => {
    context.font = "700 13px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    state.picked.forEach((i, slot) => {
      if (i < 0) return;
      const [x, y] = toScreen(i);
      const letter = slot && state.picked[0] >= 0 && near(state.picked[0], i) ? y + 22 : y - 22;
      [[y, 9], [letter, 10]].forEach(([top, radius], part) => {
        context.beginPath();
        context.arc(x, top, radius, 0, 7);
        if (part) {
          context.fillStyle = colour("--ink");
          context.fill();
        }
        [["--paper", 6], ["--ink", 3]].forEach(([name, width]) => {
          context.lineWidth = width;
          context.strokeStyle = colour(name);
          context.stroke();
        });
      });
      context.fillStyle = colour("--paper");
      context.fillText("AB"[slot], x, letter);
    });
  };
  const near = (i, j) => {
    const [[x, y], [x0, y0]] = [toScreen(i), toScreen(j)];
    return Math.hypot(x - x0, y - y0) < 24;
  };
  const draw = () => {
    planned = 0;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
    if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    [0, 1].forEach((frauds) => groups.names.forEach((group, g) => {
      if (!group.hidden) drawGroup(g, shown[2 * g + frauds], frauds === 1);
    }));
    drawLabels();
    drawTrail();
    drawPicked();
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn || 0) + 1);
  };
  const redraw = () => {
    if (!planned) planned = requestAnimationFrame(draw);
  };
  const setGroups = (next) => {
    groups = next;
    shown = Array.from({ length: 2 * groups.names.length }, () => []);
    for (let i = 0; i < data.n; i += 1) shown[2 * groups.of[i] + (data.label[i] === 1)].push(i);
    redraw();
  };
  const isShown = (i) => !groups.names[groups.of[i]].hidden;

  const nearestTo = (x, y, reach) => {
    let [best, least] = [-1, reach * reach];
    for (let i = 0; i < data.n; i += 1) {
      if (!isShown(i)) continue;
      const [px, py] = toScreen(i);
      // Of a fraud and a genuine row at one place, the fraud lies on top.
      const gap = (px - x) ** 2 + (py - y) ** 2 - (data.label[i] === 1 ? 9 : 0);
      if (gap < least) { least = gap; best = i; }
    }
    return best;
  };
  // The next row within 45 degrees of a direction.
  const nextTowards = (from, dx, dy) => {
    const [x, y] = toScreen(from);
    let [best, least] = [-1, Infinity];
    for (let i = 0; i < data.n; i += 1) {
      if (i === from || !isShown(i)) continue;
      const [px, py] = toScreen(i);
      const [along, across] = [(px - x) * dx + (py - y) * dy, Math.abs((px - x) * dy - (py - y) * dx)];
      if (along <= 0.5 || across > along) continue;
      const gap = along + across;
      if (gap < least) { least = gap; best = i; }
    }
    return best;
  };
  const zoom = (factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const before = toMap(x, y);
    view.scale = Math.min(Math.max(view.scale * factor, 1), 200);
    const after = toMap(x, y);
    view.x += before[0] - after[0];
    view.y += before[1] - after[1];
    if (view.scale === 1) Object.assign(view, { x: 0.5, y: 0.5 });
    redraw();
  };
  const pan = (dx, dy) => {
    view.x = Math.min(Math.max(view.x - dx / size(), 0), 1);
    view.y = Math.min(Math.max(view.y + dy / size(), 0), 1);
    redraw();
  };
  const showAll = () => { Object.assign(view, { scale: 1, x: 0.5, y: 0.5 }); redraw(); };
  const show = (rows) => {
    const all = places();
    let [left, right, low, high] = [SIDE, 0, SIDE, 0];
    rows.forEach((i) => {
      left = Math.min(left, all[2 * i]); right = Math.max(right, all[2 * i]);
      low = Math.min(low, all[2 * i + 1]); high = Math.max(high, all[2 * i + 1]);
    });
    const span = Math.max(right - left, high - low, SIDE / 100) / SIDE;
    view.scale = Math.min(Math.max(0.7 / span, 1), 60);
    view.x = (left + right) / 2 / SIDE;
    view.y = (low + high) / 2 / SIDE;
    redraw();
  };

  // Pointers: one drags, two pinch, a tap without a move picks.
  const pointers = new Map();
  let moved = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 1) moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = at(event);
    const others = [...pointers.entries()].filter(([id]) => id !== event.pointerId);
    pointers.set(event.pointerId, now);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (others.length) {
      const [, other] = others[0];
      const apart = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 1);
      zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      moved = Infinity;
    } else if (moved > 5) {
      pan(now[0] - before[0], now[1] - before[1]);
    }
  });
  const released = (event) => {
    const was = pointers.delete(event.pointerId);
    if (!was || moved > 5 || event.type === "pointercancel") return;
    const found = nearestTo(...at(event), CLICK);
    if (found >= 0) onPick(found, event.shiftKey ? 1 : state.slot);
  };
  canvas.addEventListener("pointerup", released);
  canvas.addEventListener("pointercancel", released);
  // Without a key or the focus the wheel scrolls the page, as everywhere else.
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), ...at(event));
  }, { passive: false });
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) pan(-60 * arrow[0], -60 * arrow[1]);
    else if (arrow) {
      const from = state.picked[state.slot];
      const found = from < 0
        ? nearestTo(canvas.clientWidth / 2, canvas.clientHeight / 2, Infinity)
        : nextTowards(from, ...arrow);
      if (found >= 0) onPick(found, state.slot);
    } else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") showAll();
    else if (event.key === "Enter") onPick(-1, 1 - state.slot);
    else return;
    event.preventDefault();
  });
  const keepInView = (i) => {
    const [x, y] = toScreen(i);
    if (x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight) {
      const all = places();
      view.x = all[2 * i] / SIDE;
      view.y = all[2 * i + 1] / SIDE;
    }
  };
  new ResizeObserver(redraw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  return {
    redraw, setGroups, zoom, showAll, show, keepInView, toScreen,
    setTrail: (rows) => { trail = rows; redraw(); },
  };
};

// Ties map, legend, tables and controls together.
(() => {
  const holder = document.getElementById("rows");
  const canvas = document.getElementById("map");
  if (!holder || !canvas) return;
  const data = latentData(holder);
  const tables = latentTables(data);
  const field = (id) => document.getElementById(id);
  const controls = field("controls");
  const checked = (name) => controls.elements[name].value;
  const state = { encoder: checked("encoder"), slot: 0, picked: [-1, -1] };
  const picture = () => data.pictures[state.encoder];

  const N_COLOURS = 6;
  const quantity = (n, frauds) => `${n.toLocaleString("en-US")}${frauds ? `, ${frauds.toLocaleString("en-US")} fraud${frauds > 1 ? "s" : ""}` : ""}`;
  const byClass = () => ({
    names: [
      { name: "Genuine", colour: "--series-0" }, { name: "Fraud", colour: "--series-1" },
      { name: "Unlabelled", colour: "--unknown" },
    ],
    of: data.label.map((label) => (label === 255 ? 2 : label)),
  });
  const byScore = () => {
    const cuts = [0.001, 0.01, 0.1, data.threshold].filter((cut) => cut <= data.threshold);
    const written = cuts.map((cut) => Number(cut.toPrecision(3)));
    const names = cuts.map((_, i) => ({
      name: i ? `${written[i - 1]} to ${written[i]}` : `Below ${written[0]}`, colour: `--step-${i}`,
    }));
    names.push({ name: `Alert: ${written[written.length - 1]} and more`, colour: "--step-4" });
    const of = new Uint8Array(data.n);
    data.score.forEach((score, i) => { of[i] = cuts.filter((cut) => score >= Math.fround(cut)).length; });
    return { names, of };
  };
  const middle = (values) => values.sort((x, y) => x - y)[values.length >> 1];
  // Colours repeat, since there are more clusters than colours a reader can tell apart; the
  // numbers on the map say which is which.
  const byCluster = () => {
    const { cluster, places } = picture();
    const rows = new Map();
    cluster.forEach((number, i) => {
      if (!rows.has(number)) rows.set(number, []);
      rows.get(number).push(i);
    });
    const frauds = (number) => rows.get(number).filter((i) => data.label[i] === 1).length;
    const ranked = [...rows.keys()].filter((number) => number >= 0)
      .map((number) => ({ number, frauds: frauds(number), n: rows.get(number).length }))
      .sort((x, y) => y.frauds - x.frauds || y.n - x.n);
    const top = ranked.slice(0, N_COLOURS).map(({ number }) => number);
    const names = top.map((number, i) => ({ name: `Cluster ${number}`, colour: `--series-${i}` }));
    const others = names.length;
    Array.from({ length: N_COLOURS }, (_, i) => names.push({
      name: "Other clusters", colour: `--series-${i}`, joined: i > 0 ? others : undefined,
    }));
    names.push({ name: "No cluster", colour: "--unknown" });
    const of = new Uint8Array(data.n);
    cluster.forEach((number, i) => {
      const place = top.indexOf(number);
      of[i] = number < 0 ? names.length - 1 : place >= 0 ? place : others + (number % N_COLOURS);
    });
    const labels = ranked.map(({ number }) => ({
      text: String(number),
      x: middle(rows.get(number).map((i) => places[2 * i])),
      y: middle(rows.get(number).map((i) => places[2 * i + 1])),
    }));
    return { names, of, labels };
  };
  const GROUPS = { label: byClass, score: byScore, cluster: byCluster };

  const pick = (i, slot) => {
    state.slot = slot;
    controls.elements.slot[slot].checked = true;
    if (i >= 0) {
      state.picked[slot] = i;
      field(slot ? "row-b" : "row-a").value = data.rowId[i];
      map.keepInView(i);
    }
    update();
  };
  const map = latentMap(canvas, data, state, pick);
  const command = ([a, b]) => `counterfoil latent --path ${data.rowId[a]}:${data.rowId[b]} --html latent.html`;
  const update = () => {
    const [a, b] = state.picked;
    const steps = a >= 0 && b >= 0 && a !== b ? data.path(state.encoder, a, b) : null;
    map.setTrail(steps ? [a, ...steps.map(({ near }) => near), b] : []);
    tables.transactions(field("transaction"), picture(), state.picked);
    tables.path(field("path-table"), field("path-note"), steps, picture(), state.picked,
      command(state.picked), (i) => { pick(i, state.slot); canvas.scrollIntoView({ block: "center" }); });
    if (data.draws) tables.draws(field("draws-table"), field("draws-note"), state.picked);
    const latest = state.picked[state.slot];
    field("message").textContent = latest < 0
      ? `The next pick is ${"AB"[state.slot]}.`
      : `${"AB"[state.slot]}: ${tables.inWords(picture(), latest)}.`;
    map.redraw();
  };

  const legend = (groups) => {
    const counts = groups.names.map(() => [0, 0]);
    groups.of.forEach((group, i) => {
      const entry = counts[groups.names[group].joined ?? group];
      entry[0] += 1;
      entry[1] += data.label[i] === 1;
    });
    field("legend").replaceChildren(...groups.names.flatMap((group, g) => {
      const [n, frauds] = counts[g];
      if (group.joined !== undefined || !n) return [];
      const box = tables.element("input", null, { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        groups.names.forEach((one, k) => { if (k === g || one.joined === g) one.hidden = !box.checked; });
        map.redraw();
      });
      const swatch = tables.element("span", null, { class: "swatch" });
      swatch.style.background = groups.names.some(({ joined }) => joined === g)
        ? "conic-gradient(var(--series-0), var(--series-2), var(--series-4), var(--series-0))"
        : `var(${group.colour})`;
      const line = tables.element("label", null, { class: "choice" });
      const own = checked("colour") === "label" ? 0 : frauds;
      line.append(box, swatch, `${group.name} (${quantity(n, own)})`);
      const item = tables.element("li");
      item.append(line);
      return [item];
    }));
  };
  const regroup = () => {
    const groups = GROUPS[checked("colour")]();
    map.setGroups(groups);
    legend(groups);
    update();
  };
  const choose = (name, value) => {
    const radios = controls.querySelectorAll(`input[name="${name}"]`);
    radios.forEach((radio) => { radio.checked = radio.value === value; });
  };

  controls.addEventListener("change", (event) => {
    if (event.target.name === "slot") {
      state.slot = Number(event.target.value);
      update();
    } else if (event.target.name) {
      if (event.target.name === "encoder") map.showAll();
      state.encoder = checked("encoder");
      regroup();
    }
  });
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    const asked = ["row-a", "row-b"].map((id) => field(id).value.trim());
    const found = asked.map((text) => (text === "" ? -1 : data.position(Number(text))));
    const missing = asked.filter((text, slot) => text !== "" && found[slot] < 0);
    if (!missing.length) {
      state.picked = found;
      found.filter((i) => i >= 0).forEach(map.keepInView);
      update();
    } else {
      field("message").textContent = `Row ${missing.join(" and row ")} is not drawn: rows go from ${data.rowId[0]} to ${data.rowId[data.n - 1]}.`;
    }
  });
  document.querySelectorAll("button[data-cluster]").forEach((button) => {
    button.addEventListener("click", () => {
      choose("encoder", button.dataset.encoder);
      choose("colour", "cluster");
      state.encoder = button.dataset.encoder;
      regroup();
      const wanted = Number(button.dataset.cluster);
      map.show([...picture().cluster.keys()].filter((i) => picture().cluster[i] === wanted));
      canvas.scrollIntoView({ block: "center" });
      field("message").textContent = `Cluster ${wanted}.`;
    });
  });
  field("zoom-in").addEventListener("click", () => map.zoom(1.5));
  field("zoom-out").addEventListener("click", () => map.zoom(1 / 1.5));
  field("zoom-all").addEventListener("click", () => map.showAll());
  if (data.example) {
    state.picked = data.example.map(data.position);
    state.picked.forEach((i, slot) => { field(slot ? "row-b" : "row-a").value = data.rowId[i]; });
  }
  regroup();
  // For tests: where a row stands on the screen.
  canvas.whereIs = (row) => map.toScreen(data.position(row));
})();

// Tables beside and under the map: transactions, the path between two, draws of one.
const latentTables = (data) => {
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== null && text !== undefined) made.textContent = text;
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const SIGNIFICANT = 7;
  const number = (value, digits = SIGNIFICANT) => {
    if (!Number.isFinite(value)) return "–";
    const rounded = Number(value.toPrecision(digits));
    return Math.abs(rounded) >= 1e15 || (rounded !== 0 && Math.abs(rounded) < 1e-4)
      ? rounded.toExponential()
      : rounded.toLocaleString("en-US", { maximumFractionDigits: 12 });
  };
  const shown = (value, digits) => (typeof value === "number" ? number(value, digits) : value);
  const score = (value) => (value > 0 && value < 0.0005 ? "<0.001" : value.toFixed(3));
  const CLASSES = { 0: "genuine", 1: "fraud", 255: "unlabelled" };
  const label = (i) => CLASSES[data.label[i]];
  const cluster = (picture, i) => (picture.cluster[i] < 0 ? "none" : String(picture.cluster[i]));
  const inWords = (picture, i) =>
    `row ${data.rowId[i]}, ${label(i)}, score ${score(data.score[i])}, cluster ${cluster(picture, i)}`;

  const table = (head, body) => {
    const made = element("table", null, { class: "names" });
    const row = made.appendChild(element("thead")).appendChild(element("tr"));
    head.forEach(({ text, slot, numeric }) => {
      const cell = element("th", slot ? null : text, { scope: "col" });
      if (numeric) cell.className = "n";
      if (slot) cell.append(element("span", text, { class: "slot" }));
      row.append(cell);
    });
    const rows = made.appendChild(element("tbody"));
    body.forEach(({ name, cells, lead }) => {
      const line = element("tr", null, lead ? { class: "lead" } : {});
      line.append(element("th", name, { scope: "row" }));
      cells.forEach((cell) => {
        const holder = element("td", cell instanceof Node ? null : cell, { class: "n" });
        if (cell instanceof Node) holder.append(cell);
        line.append(holder);
      });
      rows.append(line);
    });
    return made;
  };
  const fill = (holder, ...parts) => holder.replaceChildren(...parts);
  const transactions = (holder, picture, picked) => {
    const there = picked.map((i, slot) => ({ i, slot })).filter(({ i }) => i >= 0);
    if (!there.length) {
      fill(holder, element("p", "Pick a point of the map, or enter the number of a row."));
      return;
    }
    const line = (name, value, lead) => ({ name, lead, cells: there.map(({ i }) => value(i)) });
    const facts = [
      line("Row", (i) => String(data.rowId[i]), true),
      line("Class", label, true),
      line("Score", (i) => score(data.score[i]) + (data.score[i] >= data.threshold ? ", alert" : ""), true),
      line("Cluster", (i) => cluster(picture, i), true),
      line("Part", (i) => data.parts[data.part[i]]),
    ];
    if (data.time) facts.push(line(data.time.name, (i) => shown(data.cell(data.time, i), 12)));
    const columns = data.columns.map((column) => line(column.name, (i) => shown(data.cell(column, i))));
    const head = [{ text: "" }, ...there.map(({ slot }) => (
      { text: "AB"[slot], slot: true, numeric: true }))];
    fill(holder, element("h3", there.length > 1 ? "Transactions" : "Transaction"),
      table(head, [...facts, ...columns]));
  };

  const change = (steps, name) => {
    const column = data.columns.find((one) => one.name === name);
    const [first, last] = [steps[0].columns[name], steps[steps.length - 1].columns[name]];
    if (column.categories) return first === last ? 0 : Infinity;
    const { low, high } = spread(column);
    return Math.abs(first - last) / (high - low || 1);
  };
  const spreads = new Map();
  // The middle nine tenths of a column.
  const spread = (column) => {
    if (!spreads.has(column.name)) {
      const sorted = Float64Array.from(column.values).sort();
      const at = (level) => sorted[Math.floor(level * (sorted.length - 1))];
      spreads.set(column.name, { low: at(0.05), high: at(0.95) });
    }
    return spreads.get(column.name);
  };
  const SHOWN_STEPS = [0, 2, 4, 6, 8];
  const path = (holder, note, steps, picture, [a, b], command, pick) => {
    if (!steps) {
      fill(holder, element("p", "Pick A and B."));
      note.textContent = "";
      return;
    }
    const at = SHOWN_STEPS.map((step) => steps[step]);
    const rowButton = (i) => {
      const made = element("button", String(data.rowId[i]), { type: "button", class: "row",
        "aria-label": `Pick row ${data.rowId[i]}` });
      made.addEventListener("click", () => pick(i));
      return made;
    };
    const body = [
      { name: "Nearest row", lead: true, cells: [rowButton(a), ...at.map(({ near }) => rowButton(near)), rowButton(b)] },
      { name: "its class", cells: [label(a), ...at.map(({ near }) => label(near)), label(b)] },
      { name: "its score", cells: [score(data.score[a]), ...at.map(({ near }) => score(data.score[near])), score(data.score[b])] },
    ];
    if (steps[0].score !== null) {
      body.unshift({ name: "Score", lead: true,
        cells: [score(data.score[a]), ...at.map((step) => score(step.score)), score(data.score[b])] });
    }
    const names = data.columns.map(({ name }) => name);
    const changes = Object.fromEntries(names.map((name) => [name, change(steps, name)]));
    names.sort((x, y) => changes[y] - changes[x]).forEach((name) => {
      const column = data.columns.find((one) => one.name === name);
      body.push({ name, cells: [data.cell(column, a), ...at.map((step) => step.columns[name]),
        data.cell(column, b)].map((value) => shown(value, 4)) });
    });
    const head = [{ text: "" }, { text: "A", slot: true, numeric: true },
      ...at.map(({ share }) => ({ text: `${Math.round(100 * share)} %`, numeric: true })),
      { text: "B", slot: true, numeric: true }];
    fill(holder, table(head, body));
    note.textContent = steps[0].score === null
      ? `The model's score of each step comes from the command line: ${command}`
      : "Score is the model's of what was decoded.";
  };

  // Of A, or of B where A was not drawn from.
  const draws = (holder, note, picked) => {
    const all = data.draws;
    const places = picked.map((i) => (i < 0 ? -1 : all.row.indexOf(data.rowId[i])));
    const slot = places[0] < 0 && places[1] >= 0 ? 1 : 0;
    const [i, place] = [picked[slot], places[slot]];
    const what = data.label.includes(1) ? "fraud" : "alert";
    if (place < 0) {
      const first = all.row.length ? `, such as row ${all.row[0]}` : "";
      fill(holder, element("p", all.row.length
        ? `Pick a ${what}${first}.` : `There is no ${what} among these rows.`));
      note.textContent = "";
      return;
    }
    const every = Array.from({ length: all.n }, (_, draw) => place * all.n + draw);
    const body = [{ name: "Score", lead: true,
      cells: [score(data.score[i]), ...every.map((draw) => score(all.score[draw]))] }];
    data.columns.forEach((column, c) => body.push({ name: column.name,
      cells: [data.cell(column, i), ...every.map((draw) => data.cell(all.columns[c], draw))]
        .map((value) => shown(value, 4)) }));
    const head = [{ text: "" }, { text: "AB"[slot], slot: true, numeric: true },
      ...every.map((_, draw) => ({ text: `Draw ${draw + 1}`, numeric: true }))];
    fill(holder, table(head, body));
    note.textContent = `Row ${data.rowId[i]} and ${all.n} draws.`;
  };
  return { element, transactions, path, draws, inWords, score };
};

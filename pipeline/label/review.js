"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const words = { 0: "genuine", 1: "fraud" };
  const other = { 0: "1", 1: "0" };
  const sameKeys = { Enter: "y", ArrowLeft: "b", ArrowRight: "s" };
  const header = document.body.dataset.tokenHeader;
  let rows = [];
  let position = 0;
  let busy = false;
  let closed = false;

  async function ask(path, content) {
    const options = { headers: { [header]: location.hash.slice(1) } };
    if (content !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(content);
    }
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("the command that serves this page has ended; start it again");
    }
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }

  function say(trouble) {
    byId("trouble").textContent = trouble;
    byId("trouble").hidden = !trouble;
  }

  function item(name, text) {
    const element = document.createElement(name);
    element.textContent = text;
    return element;
  }

  function short(value) {
    const number = Number(value);
    return value.trim() === "" || Number.isNaN(number) ? value : String(Number(number.toPrecision(6)));
  }

  function show() {
    const nAnswered = rows.filter((row) => row.label !== "").length;
    byId("bar").max = rows.length;
    byId("bar").value = nAnswered;
    const isEnd = position >= rows.length;
    byId("count").textContent = isEnd
      ? `${nAnswered} of ${rows.length} answered`
      : `Row ${position + 1} of ${rows.length}, ${nAnswered} answered`;
    byId("card").hidden = isEnd;
    byId("end").hidden = !isEnd;
    if (isEnd) {
      const left = rows.length - nAnswered;
      byId("ending").textContent = left
        ? `${left} ${left === 1 ? "row has" : "rows have"} no answer yet`
        : "All rows are answered";
      return;
    }
    const row = rows[position];
    byId("guess").textContent = `The model says ${words[row.guess]}, score ${row.score}`;
    byId("answer").textContent = row.label === "" ? "" : `Your answer: ${words[row.label]}`;
    byId("confirm").textContent = `Right: ${words[row.guess]}`;
    byId("change").textContent = `Wrong: ${words[other[row.guess]]}`;
    const pushed = new Set(row.reasons.map(([name]) => name));
    byId("reasons").replaceChildren(
      ...(row.reasons.length
        ? row.reasons.map(([name, value, by]) => item("li", `${name} = ${short(value)} (+${by})`))
        : [item("li", "nothing")]),
    );
    byId("facts").replaceChildren(
      ...row.facts.map(([name, value]) => {
        const pair = document.createElement("div");
        pair.classList.toggle("pushed", pushed.has(name));
        pair.classList.toggle("wide", name.length + short(value).length > 20);
        pair.append(item("dt", name), item("dd", short(value)));
        return pair;
      }),
    );
  }

  function nextOpen(start) {
    const found = rows.findIndex((row, i) => i >= start && row.label === "");
    return found < 0 ? rows.length : found;
  }

  async function answer(label) {
    busy = true;
    try {
      const saved = await ask("/answer", { row: position, key: rows[position].key, label });
      rows[saved.row].label = saved.label;
      say("");
      if (label !== "") position = nextOpen(position + 1);
    } catch (error) {
      say(`This answer was not saved: ${error.message}`);
    }
    busy = false;
    show();
  }

  function press(key) {
    if (busy || closed || !rows.length) return;
    const isEnd = position >= rows.length;
    if (key === "b") position = Math.max(position - 1, 0);
    else if (isEnd && key === "a") position = nextOpen(0);
    else if (isEnd) return;
    else if (key === "s") position = nextOpen(position + 1);
    else {
      const { guess } = rows[position];
      const label = { y: guess, n: other[guess], f: "1", g: "0", u: "" }[key];
      if (label !== undefined) answer(label);
      return;
    }
    show();
  }

  document.addEventListener("keydown", (event) => {
    const isButton = event.target instanceof HTMLButtonElement;
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && isButton) return; // the button's own
    const key = sameKeys[event.key] || event.key.toLowerCase();
    if ("ynfgsbua".includes(key) && key.length === 1) {
      event.preventDefault();
      press(key);
    }
  });
  for (const button of document.querySelectorAll("button[data-key]")) {
    button.addEventListener("click", () => press(button.dataset.key));
  }
  byId("close").addEventListener("click", async () => {
    try {
      await ask("/close", {});
      closed = true;
      byId("ending").textContent = "The review has ended; this page can be closed";
      for (const button of document.querySelectorAll("button")) button.disabled = true;
    } catch (error) {
      say(error.message);
    }
  });

  ask("/state")
    .then((state) => {
      rows = state.rows;
      byId("file").textContent = `${state.file}, answers by ${state.by}`;
      byId("command").textContent = `counterfoil label import ${state.file}`;
      position = nextOpen(0);
      show();
    })
    .catch((error) => say(error.message));
})();

// Chapter 2: a mask painted by hand, and what of each token arrives after several layers.
"use strict";

(() => {
  const { tag, write, sum, slider, button, speaker } = explore;

  // All scores are equal, so a row of weights is shared by the keys that it allows. Layers multiply.
  function arrived(mask, layers) {
    const weights = mask.map((row) => row.map((allowed) => (allowed ? 1 / sum(row) : 0)));
    let shares = mask.map((row, i) => row.map((_, j) => (i === j ? 1 : 0)));
    for (let layer = 0; layer < layers; layer += 1) {
      shares = weights.map((row) => row.map((_, j) => sum(row.map((weight, k) => weight * shares[k][j]))));
    }
    return shares;
  }
  explore.arithmetic.arrived = arrived;

  const listed = (places) =>
    places.length ? `${places.length === 1 ? "token" : "tokens"} ${places.join(", ").replace(/, (\d+)$/, " and $1")}` : "no token";

  explore.define("mask", (numbers) => {
    const { masks, most } = numbers;
    const names = Object.keys(masks);
    const size = masks[names[0]].length;
    const places = Array.from({ length: size }, (_, i) => i);
    let mask = masks[names[0]].map((row) => [...row]);
    let [layers, row, painting] = [numbers.layers, size - 1, null];
    const { root: told, say } = speaker();

    function grid(title, cell) {
      const head = tag("tr", {}, tag("td"), ...places.map((key) => tag("th", { scope: "col" }, String(key))));
      const rows = places.map((query) => tag("tr", {}, tag("th", { scope: "row" }, String(query)), ...places.map((key) => cell(query, key))));
      return tag("table", { class: "square" }, tag("caption", {}, title), tag("thead", {}, head), tag("tbody", {}, ...rows));
    }

    // One stop of the Tab key; the arrow keys go from cell to cell.
    const paints = places.map(() => []);
    const painted = grid("mask: paint it", (query, key) => {
      const made = button("", () => paint(query, key, !mask[query][key]), { tabindex: "-1", "aria-label": `query ${query}, key ${key}` });
      made.addEventListener("focus", () => {
        row = query;
        for (const other of paints.flat()) other.tabIndex = other === made ? 0 : -1;
        show();
      });
      made.addEventListener("pointerdown", ({ pointerType }) => (painting = pointerType === "mouse" ? { query, key } : null));
      made.addEventListener("pointerenter", ({ buttons }) => {
        if (!painting || !(buttons & 1)) return;
        painting.value ??= !mask[painting.query][painting.key];
        paint(painting.query, painting.key, painting.value);
        paint(query, key, painting.value);
      });
      paints[query][key] = made;
      return tag("td", {}, made);
    });
    paints[size - 1][size - 1].tabIndex = 0;
    painted.addEventListener("keydown", (event) => {
      const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
      const query = paints.findIndex((cells) => cells.includes(event.target));
      if ((!down && !right) || query < 0) return;
      event.preventDefault();
      paints[query + down]?.[paints[query].indexOf(event.target) + right]?.focus();
    });
    const shares = places.map(() => []);
    const reached = grid("", (query, key) => (shares[query][key] = tag("td")));
    const title = reached.querySelector("caption");

    function paint(query, key, value) {
      mask[query][key] = Number(value);
      row = query;
      show();
    }

    function show() {
      const found = arrived(mask, layers);
      title.textContent = layers === 1 ? "shares after 1 layer" : `shares after ${layers} layers`;
      places.forEach((query) =>
        places.forEach((key) => {
          const [cell, share] = [paints[query][key], found[query][key]];
          cell.setAttribute("aria-pressed", String(Boolean(mask[query][key])));
          cell.classList.toggle("ahead", key > query && Boolean(mask[query][key]));
          shares[query][key].textContent = share ? write(share) : "";
          shares[query][key].style.background = share ? `rgb(0 158 115 / ${Math.round(12 + 38 * share)}%)` : "";
          shares[query][key].classList.toggle("now", query === row);
        }),
      );
      const known = places.filter((key) => found[row][key]);
      const widest = Math.max(...mask.map(sum));
      const ahead = places.filter((query) => mask[query].some((allowed, key) => allowed && key > query));
      const words = [`After ${layers === 1 ? "1 layer" : `${layers} layers`}, query ${row} knows ${listed(known)}.`];
      words.push(`No row has more than ${widest} ${widest === 1 ? "key" : "keys"}.`);
      if (ahead.length) words.push(`Looking ahead: ${ahead.map((query) => `query ${query}`).join(", ")}.`);
      const last = found[size - 1].every((share) => share > 0);
      const changed = mask.map((one, query) => one.map((allowed, key) => Number(allowed) - masks[names[0]][query][key]));
      const moved = sum(changed.flat().map(Math.abs)) === 2 && sum(changed.flat()) === 0; // a single 1
      const sound = moved && !ahead.length && widest <= most && layers === numbers.layers;
      if (last && sound) words.push("That is a solution.");
      say(words.join(" "));
    }

    const take = (name) => {
      mask = masks[name].map((each) => [...each]);
      row = size - 1;
      show();
    };
    const depth = slider("layers", { low: 1, high: 6, at: layers, read: String }, (value) => {
      layers = value;
      show();
    });
    const again = button("Start again", () => {
      layers = numbers.layers;
      depth.set(layers);
      take(names[0]);
    });
    const choices = names.slice(1).map((name) => button(name, () => take(name)));
    const hint = "Rows are queries, columns are keys. Click a cell, or draw with the mouse; with the keyboard, use the arrow keys and space. All scores are equal. A share says how much of the token of its column has arrived in the row: 1 in all.";
    show();
    return [tag("p", { class: "legend" }, hint), tag("div", { class: "dials" }, depth.root), tag("div", { class: "beside" }, painted, reached), told, tag("div", { class: "hands" }, again, ...choices)];
  });
})();

// What the three elements have in common: a text, what the classifier says of it, and a table of its tokens.
(function (live) {
  "use strict";

  const PADDING = 4; // [PAD] tokens after the text, as in a batch
  const SOON = 60; // milliseconds after the last key: before the answer
  const CELL = 17; // pixels of the table, if there is room
  const SMALLEST = 11; // for a finger, and for the names
  let made = 0; // panels so far, for names that are used once

  function make(tag, properties = {}, ...children) {
    const { dataset = {}, ...rest } = properties;
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(rest)) {
      if (name in element && name !== "role") element[name] = value;
      else element.setAttribute(name, value);
    }
    Object.assign(element.dataset, dataset);
    element.append(...children);
    return element;
  }

  const write = (number, digits = 2) => number.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1").replace("-", "−");

  // An element of a picture; of a long text, the beginning.
  function draw(tag, attributes = {}, text = "") {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text.length > 12 ? `${text.slice(0, 11)}…` : text;
    return element;
  }

  // Where the token that stood at a place stands now: as far from the beginning if all before it is as it was, as far
  // from the end if all after it is.
  function follow(then, at, now) {
    const shift = now.length - then.length;
    if (then.slice(0, at + 1).join(" ") === now.slice(0, at + 1).join(" ")) return at;
    if (then.slice(at).join(" ") === now.slice(at + shift).join(" ")) return at + shift;
    return Math.min(at, now.length - 1);
  }

  // A group of buttons of which one is chosen: arrow keys, Home and End move in it, Tab stops at it alone.
  class Choice {
    constructor(className, label, columns, choose) {
      this.root = make("div", { className, role: "radiogroup", ariaLabel: label });
      this.choose = choose;
      this.root.addEventListener("keydown", (event) => {
        const at = this.buttons.indexOf(event.target);
        const wide = columns || this.buttons.length;
        const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: columns ? -wide : -1, ArrowDown: columns ? wide : 1 };
        const to = { Home: 0, End: this.buttons.length - 1 }[event.key] ?? at + (steps[event.key] ?? NaN);
        if (at < 0 || Number.isNaN(to)) return;
        event.preventDefault();
        if (!(to in this.buttons)) return;
        choose(to);
        this.buttons[to].focus();
      });
    }

    get buttons() {
      return [...this.root.children];
    }

    // Have so many buttons, each with parts of its own; the one in focus stays in focus.
    fill(count, parts) {
      if (this.root.childElementCount === count) return;
      const at = this.buttons.indexOf(document.activeElement);
      this.root.replaceChildren(
        ...Array.from({ length: count }, (_, place) => {
          const button = make("button", { type: "button", role: "radio" }, ...parts());
          button.addEventListener("click", () => this.choose(place));
          return button;
        }),
      );
      if (at >= 0) this.buttons[Math.min(at, count - 1)].focus();
    }

    mark(chosen) {
      this.buttons.forEach((button, at) => {
        button.setAttribute("aria-checked", String(at === chosen));
        button.tabIndex = at === chosen ? 0 : -1;
      });
    }
  }

  class Panel {
    constructor(element, model, tokenizer) {
      Object.assign(this, { element, model, tokenizer, number: (made += 1) });
      this.chosen = { tokens: ["[CLS]"], query: 0, key: 0 }; // a cell, and the text in which it was chosen
      const hadFocus = element.contains(document.activeElement) || document.activeElement === document.body;
      const hasKeys = matchMedia("(hover: hover)").matches; // on a phone, focus would bring up the keyboard
      const id = `live-${this.number}`;
      this.input = make("input", { id, type: "text", value: this.examples[0], autocomplete: "off", spellcheck: false });
      this.input.addEventListener("input", () => {
        clearTimeout(this.soon);
        this.soon = setTimeout(() => this.readText(), SOON);
      });
      const examples = this.examples.map((text) => {
        const button = make("button", { type: "button", className: "live-example" }, text);
        button.addEventListener("click", () => {
          this.input.value = text;
          this.readText();
          this.keep();
        });
        return button;
      });
      const { shift, changed, reviews } = live.contents;
      const about =
        "The classifier of chapter 8, with seed 0, runs in this page, its weights rounded to eight bits. " +
        `Rounding moved the probabilities of ${reviews.toLocaleString("en")} test reviews by at most ` +
        `${shift.toFixed(3)}, and changed the answer of ${changed}.`;
      this.status = element.status;
      this.bar = make("span");
      const meter = make("span", { className: "live-meter" }, this.bar);
      const sides = make("p", { className: "live-row", ariaHidden: "true" }, model.classes[0], meter, model.classes[1]);
      this.answer = make("div", { className: "live-row" }, sides);
      this.count = make("p", { className: "live-note" });
      element.button.parentElement.previousElementSibling.remove();
      element.button.parentElement.replaceWith(make("p", { className: "live-note" }, about));
      element.append(
        make("label", { htmlFor: id, className: "live-label" }, this.label),
        this.input,
        make("p", { className: "live-row" }, ...examples),
        this.count,
        make("div", { className: "live-answer" }, this.status, this.answer),
        ...this.build(),
      );
      const redraw = () => this.show();
      new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      addEventListener("resize", () => this.matrix.clientWidth !== this.width && redraw());
      this.readText();
      if (hadFocus && hasKeys) this.input.focus({ preventScroll: true });
    }

    // A row of tokens to choose from, and a table with a row and a column for each.
    buildTable() {
      this.tokenLabel = make("p", { className: "live-label" });
      this.chips = new Choice("live-tokens", "The row of the table", 0, (at) => this.chooseCell(at, this.key));
      this.cellNote = make("p", { className: "live-note", role: "status" });
      this.more = make("p", { className: "live-note" }, "More columns to the right, [PAD] among them: scroll the table sideways →");
      this.picture = make("div", { role: "img" });
      this.picture.addEventListener("click", ({ target: { dataset } }) => {
        if (dataset.row) this.chooseCell(Number(dataset.row), Number(dataset.column));
      });
      this.matrix = make("div", { className: "live-matrix", tabIndex: 0, role: "application" }, this.picture);
      this.matrix.ariaLabel = "The table: arrow keys choose a cell";
      this.matrix.addEventListener("scroll", () => this.stickNames());
      this.matrix.addEventListener("keydown", (event) => {
        const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
        if (!step) return;
        event.preventDefault();
        const [row, column] = [this.query + step[0], this.key + step[1]];
        if (!(row in this.result.tokens && column in this.result.tokens)) return;
        this.chooseCell(row, column);
        const cell = this.picture.querySelector(`[data-row="${row}"][data-column="${column}"]`);
        cell.scrollIntoView({ block: "nearest", inline: "nearest" });
      });
      this.table = make(
        "div",
        { className: "live-part" },
        ...[this.tokenLabel, this.chips.root, this.cellNote, this.more, this.matrix],
      );
      return this.table;
    }

    chooseCell(query, key) {
      Object.assign(this, { query, key });
      this.keep();
      this.show();
    }

    keep() {
      this.chosen = { tokens: this.result.tokens, query: this.query, key: this.key };
    }

    // A token in quotes; of several that are equal, which.
    quote(at) {
      const { tokens } = this.result;
      const equal = [...tokens.keys()].filter((place) => tokens[place] === tokens[at]);
      return `“${tokens[at]}”${equal.length > 1 ? ` (${equal.indexOf(at) + 1} of ${equal.length})` : ""}`;
    }

    // Return what the network makes of a text, with switches as they stand or without any.
    classify(text, asTrained = false) {
      const tokens = [...this.tokenizer.tokens(text, this.model.max_length), ...Array(PADDING).fill("[PAD]")];
      const options = { allowed: tokens.map((token) => token !== "[PAD]"), ...(asTrained ? {} : this.switches(tokens)) };
      return { tokens, ...live.classify(this.tokenizer.encode(tokens), this.model, options) };
    }

    switches() {
      return {};
    }

    readText() {
      clearTimeout(this.soon);
      const text = this.input.value;
      this.trained = this.classify(text, true);
      for (const name of ["query", "key"]) this[name] = follow(this.chosen.tokens, this.chosen[name], this.trained.tokens);
      const [count, most] = [this.tokenizer.tokens(text).length, this.model.max_length];
      this.count.textContent = `${count} tokens${count > most ? `, of which the first ${most - 1} and [SEP] are read` : ""}; ${PADDING} of padding follow.`;
      this.now();
    }

    now() {
      this.result = this.isAsTrained() ? this.trained : this.classify(this.input.value);
      const positive = this.result.probabilities[1];
      const isEmpty = this.result.tokens[1] === "[SEP]";
      const answer = isEmpty ? "Nothing is there to read" : this.model.classes[positive > 0.5 ? 1 : 0];
      const before = this.isAsTrained() ? "" : ` (as trained: ${write(this.trained.probabilities[1])})`;
      this.status.textContent = `${answer}. Probability of “positive”: ${write(positive)}${before}`;
      this.bar.style.left = `${100 * Math.min(0.5, positive)}%`;
      this.bar.style.width = `${100 * Math.abs(positive - 0.5)}%`;
      this.show();
    }

    isAsTrained() {
      return true;
    }

    // Paint a small picture of a table into a button.
    drawSmall(canvas, rows) {
      canvas.width = canvas.height = rows.length;
      const paint = canvas.getContext("2d");
      paint.fillStyle = getComputedStyle(this.element).getPropertyValue("--accent");
      rows.forEach((row, y) =>
        row.forEach((value, x) => {
          paint.globalAlpha = Math.max(0, value);
          paint.fillRect(x, y, 1, 1);
        }),
      );
    }

    drawChips(row) {
      const { tokens } = this.result;
      this.chips.fill(tokens.length, () => [make("span"), make("span")]);
      this.chips.buttons.forEach((button, at) => {
        button.firstChild.textContent = tokens[at];
        button.lastChild.textContent = write(row[at]);
        button.style.setProperty("--share", Math.max(0, row[at]));
      });
      this.chips.mark(this.query);
    }

    // Draw the table; label says what it shows. Where there are many cells they are smaller, so that all are in sight.
    drawTable(rows, label) {
      const { tokens } = this.result;
      const size = tokens.length;
      const room = 7 * Math.min(12, Math.max(...tokens.map((token) => token.length))) + 8;
      this.width = this.matrix.clientWidth;
      const cell = Math.max(SMALLEST, Math.min(CELL, (this.width - room - 2) / size));
      const side = room + cell * size + 2;
      const picture = draw("svg", { width: side, height: side, viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" });
      picture.style.fontSize = `${Math.min(11, cell - 1)}px`;
      this.names = draw("g"); // of the rows: they stay in sight when the table is scrolled
      this.names.append(draw("rect", { width: room - 1, height: side, class: "live-ground" }));
      tokens.forEach((token, at) => {
        const place = room + cell * (at + 0.5) + 4;
        const isChosen = at === this.query ? "live-chosen" : "";
        this.names.append(draw("text", { x: room - 5, y: place, "text-anchor": "end", class: isChosen }, token));
        picture.append(draw("text", { transform: `translate(${place} ${room - 5}) rotate(-90)` }, token));
      });
      const box = (row, column, rest) => ({ x: room + cell * column, y: room + cell * row, width: cell, height: cell, ...rest });
      rows.forEach((row, y) =>
        row.forEach((value, x) => {
          const part = draw("rect", box(y, x, { "fill-opacity": Math.max(0, value).toFixed(3) }));
          Object.assign(part.dataset, { row: y, column: x });
          picture.append(part);
        }),
      );
      picture.append(
        draw("rect", box(this.query, 0, { width: cell * size, class: "live-frame" })),
        draw("rect", box(this.query, this.key, { class: "live-frame live-marked" })),
        draw("path", { d: `M${room} ${room}L${side} ${side}`, class: "live-stroke" }),
        this.names,
      );
      this.picture.ariaLabel = `${label}: ${size} rows, ${size} columns. The row of ${this.quote(this.query)} stands in numbers above.`;
      this.picture.replaceChildren(picture);
      this.more.hidden = side <= this.width;
      this.stickNames();
      return box;
    }

    stickNames() {
      this.names.setAttribute("transform", `translate(${this.matrix.scrollLeft} 0)`);
    }

    // Say what the marked cell holds.
    tellCell(value) {
      this.cellNote.textContent = `Row ${this.quote(this.query)}, column ${this.quote(this.key)}: ${value}`;
    }
  }

  Object.assign(live, { make, write, draw, Choice, Panel, panels: {} });
})((globalThis.live ??= {}));

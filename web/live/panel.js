// What the three elements have in common: a text, what the classifier says of it, and a table of its tokens.
(function (live) {
  "use strict";

  const PADDING = 4; // [PAD] tokens after the text, as in a batch
  const SOON = 60; // milliseconds after the last key: before the answer
  const CELL = 17; // pixels of the table
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
        if (at < 0 || !(to in this.buttons)) return;
        event.preventDefault();
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
      Object.assign(this, { element, model, tokenizer, query: 0, number: (made += 1) });
      const hadFocus = element.contains(document.activeElement) || document.activeElement === document.body;
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
        });
        return button;
      });
      const { shift, changed, reviews } = live.contents;
      const rounding =
        `Rounding moved the probabilities of ${reviews.toLocaleString("en")} test reviews by at most ` +
        `${shift.toFixed(3)}, and changed the answer of ${changed}.`;
      this.status = element.status;
      this.bar = make("span");
      this.sides = [0, 1].map(() => make("span"));
      const meter = make("span", { className: "live-meter" }, this.bar);
      this.meter = make("p", { className: "live-row", ariaHidden: "true" }, this.sides[0], meter, this.sides[1]);
      this.count = make("p", { className: "live-note" });
      element.button.parentElement.replaceWith(make("p", { className: "live-note" }, rounding));
      element.append(
        make("label", { htmlFor: id, className: "live-label" }, this.label),
        this.input,
        make("p", { className: "live-row" }, ...examples),
        this.count,
        make("div", { className: "live-answer" }, this.status, this.meter),
        ...this.build(),
      );
      const redraw = () => this.show();
      new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      this.readText();
      if (hadFocus) this.input.focus({ preventScroll: true });
    }

    // A row of tokens to choose from, and a table with a row and a column for each.
    buildTable() {
      this.tokenLabel = make("p", { className: "live-label" });
      this.chips = new Choice("live-tokens", "The row of the table", 0, (at) => this.chooseQuery(at));
      this.picture = make("div", { role: "img" });
      this.picture.addEventListener("click", ({ target: { dataset } }) => {
        if (dataset.row) this.chooseCell(Number(dataset.row), Number(dataset.column));
      });
      this.matrix = make("div", { className: "live-matrix", tabIndex: 0, role: "group", ariaLabel: "The table" }, this.picture);
      return make("div", { className: "live-part" }, this.tokenLabel, this.chips.root, this.matrix);
    }

    chooseCell(row) {
      this.chooseQuery(row);
    }

    chooseQuery(at) {
      this.query = at;
      this.show();
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
      this.query = Math.min(this.query, this.trained.tokens.length - 1);
      const [count, most] = [this.tokenizer.tokens(text).length, this.model.max_length];
      this.count.textContent = `${count} tokens${count > most ? `, of which ${most} are read` : ""}; ${PADDING} of padding follow.`;
      this.now();
    }

    now() {
      this.result = this.isAsTrained() ? this.trained : this.classify(this.input.value);
      const { classes } = this.model;
      const tell = ({ probabilities }) => {
        const answer = probabilities[1] > probabilities[0] ? 1 : 0;
        return `${classes[answer]}, ${probabilities[answer].toFixed(3)}`;
      };
      const before = this.isAsTrained() ? "" : ` (as trained: ${tell(this.trained)})`;
      this.status.textContent = `${tell(this.result).replace(",", ", probability")}${before}`;
      const { probabilities } = this.result;
      this.bar.style.width = `${100 * probabilities[1]}%`;
      this.sides.forEach((side, at) => (side.textContent = `${classes[at]} ${probabilities[at].toFixed(2)}`));
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

    drawChips(tokens, row) {
      this.chips.fill(tokens.length, () => [make("span"), make("span")]);
      this.chips.buttons.forEach((button, at) => {
        button.firstChild.textContent = tokens[at];
        button.lastChild.textContent = write(row[at]);
        button.style.setProperty("--share", Math.max(0, row[at]));
      });
      this.chips.mark(this.query);
    }

    // Draw the table; label says what it shows, axes what its rows and columns are.
    drawTable(tokens, rows, label, axes) {
      const size = tokens.length;
      const room = 6.5 * Math.min(12, Math.max(...tokens.map((token) => token.length))) + 26;
      const side = room + CELL * size + 4;
      const draw = (tag, attributes, text) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        if (text !== undefined) element.textContent = text.length > 12 ? `${text.slice(0, 11)}…` : text;
        return element;
      };
      const title = (text, transform) => {
        const element = draw("text", { transform, "text-anchor": "middle", class: "live-axis" });
        element.textContent = text;
        return element;
      };
      const picture = draw("svg", { width: side, height: side, viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" });
      const middle = room + (CELL * size) / 2;
      picture.append(title(`${axes[0]} ↓`, `translate(12 ${middle}) rotate(-90)`), title(`${axes[1]} →`, `translate(${middle} 12)`));
      tokens.forEach((token, at) => {
        const place = room + CELL * (at + 0.5);
        const turned = `translate(${place + 4} ${room - 5}) rotate(-90)`;
        picture.append(
          draw("text", { x: room - 5, y: place + 4, "text-anchor": "end", class: at === this.query ? "live-chosen" : "" }, token),
          draw("text", { transform: turned }, token),
        );
      });
      rows.forEach((row, y) =>
        row.forEach((value, x) => {
          const place = { x: room + CELL * x, y: room + CELL * y, width: CELL, height: CELL };
          const cell = draw("rect", { ...place, "fill-opacity": Math.max(0, value).toFixed(3) });
          Object.assign(cell.dataset, { row: y, column: x });
          picture.append(cell);
        }),
      );
      const frame = { x: room, y: room + CELL * this.query, width: CELL * size, height: CELL, class: "live-frame" };
      picture.append(draw("rect", frame));
      this.picture.ariaLabel = `${label}: ${size} rows, ${size} columns. The row of ${tokens[this.query]} stands in numbers above.`;
      this.picture.replaceChildren(picture);
      return { room, cell: CELL };
    }
  }

  Object.assign(live, { make, write, Choice, Panel, panels: {} });
})((globalThis.live ??= {}));

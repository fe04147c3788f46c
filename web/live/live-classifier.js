// The element <live-classifier>: type a review, and see what chapter 8's classifier makes of it, and why.
// It shows the sentence that stands in it until the reader asks for the weights.
(function (live) {
  "use strict";

  const EXAMPLES = [
    "Nobody could call the room clean.",
    "I couldn't believe how clean the room was.",
    "Although the soup was delicious, the service was awful.",
    "The plot was not gripping, but the acting was superb.",
  ];
  const PADDING = 4; // [PAD] tokens after the text, as in a batch
  const [SOON, PAUSE] = [60, 500]; // milliseconds after the last key: before the answer, before the words
  const MASKS = {
    trained: ["hides the padding, as in training", (token) => token !== "[PAD]"],
    none: ["hides nothing", () => true],
    inverted: ["inverted: hides the text", (token) => token === "[PAD]"],
  };
  const CELL = 17; // pixels of the matrix

  let made = 0; // elements so far, for names that are used once

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

  // Let the arrow keys, Home and End move in a group of buttons of which one is chosen; Tab stops at it alone.
  function chooseWithKeys(group, columns, choose) {
    group.addEventListener("keydown", (event) => {
      const buttons = [...group.querySelectorAll("button")];
      const at = buttons.indexOf(event.target);
      const wide = columns || buttons.length;
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: columns ? -wide : -1, ArrowDown: columns ? wide : 1 };
      const to = { Home: 0, End: buttons.length - 1 }[event.key] ?? at + (steps[event.key] ?? NaN);
      if (at < 0 || !(to in buttons)) return;
      event.preventDefault();
      choose(to);
      group.querySelectorAll("button")[to].focus();
    });
  }

  function markChosen(buttons, chosen) {
    buttons.forEach((button, at) => {
      button.setAttribute("aria-checked", String(at === chosen));
      button.tabIndex = at === chosen ? 0 : -1;
    });
  }

  const isOn = (name, box) => make("label", { className: "live-choice" }, box, ` ${name}`);

  class LiveClassifier extends HTMLElement {
    connectedCallback() {
      if (this.button) return; // moved within the page
      this.number = made += 1;
      this.classList.add("live");
      this.setAttribute("role", "region");
      this.setAttribute("aria-label", "Try the classifier");
      this.button = make("button", { type: "button", className: "live-button" }, "Fetch the network, 3 MB");
      this.progress = make("progress", { max: 1, value: 0, hidden: true, ariaLabel: "Weights fetched" });
      this.status = make("p", { className: "live-status", role: "status" });
      this.button.addEventListener("click", () => this.fetchWeights());
      const title = make("p", { className: "live-title" }, "Try it");
      this.replaceChildren(
        title,
        make("p", {}, "The classifier of seed 0 can run in this page, its weights rounded to eight bits."),
        make("p", { className: "live-row" }, this.button, this.progress),
        this.status,
      );
    }

    async fetchWeights() {
      this.button.disabled = this.progress.hidden = true;
      this.progress.hidden = false;
      this.status.textContent = "The weights are being fetched.";
      try {
        Object.assign(this, await live.load((share) => (this.progress.value = share)));
      } catch (error) {
        this.status.textContent = `The weights did not come: ${error.message}. Press the button to try again.`;
        this.button.disabled = false;
        this.progress.hidden = true;
        return;
      }
      const hadFocus = this.contains(document.activeElement) || document.activeElement === document.body;
      const { shift, changed, reviews } = live.contents;
      this.button.parentElement.replaceWith(
        make(
          "p",
          { className: "live-note" },
          `Rounding moved the probabilities of ${reviews.toLocaleString("en")} test reviews by at most `,
          `${shift.toFixed(3)}, and changed the answer of ${changed}.`,
        ),
      );
      this.build();
      if (hadFocus) this.input.focus({ preventScroll: true });
    }

    // ── What is seen ───────────────────────────────────────────────────────────────────────────────────────────────

    build() {
      Object.assign(this, { layer: 0, head: 0, query: 0, cut: new Set(), mask: "trained", scale: undefined });
      this.layers = this.model.blocks.length;
      this.heads = this.model.num_heads;
      const id = `live-${this.number}`;
      this.input = make("input", { id, type: "text", value: EXAMPLES[0], autocomplete: "off", spellcheck: false });
      this.input.addEventListener("input", () => this.later());
      const examples = EXAMPLES.map((text) => {
        const button = make("button", { type: "button", className: "live-example" }, text);
        button.addEventListener("click", () => {
          this.input.value = text;
          this.now();
        });
        return button;
      });
      this.bar = make("span");
      this.sides = [0, 1].map(() => make("span"));
      const meter = make("span", { className: "live-meter" }, this.bar);
      this.meter = make("p", { className: "live-row", ariaHidden: "true" }, this.sides[0], meter, this.sides[1]);
      this.words = make("ol", { className: "live-words" });
      this.append(
        make("label", { htmlFor: id, className: "live-label" }, "A review"),
        this.input,
        make("p", { className: "live-row" }, ...examples),
        this.status,
        this.meter,
        make("p", { className: "live-label" }, "What each word carries"),
        make("p", { className: "live-note" }, "What the probability of the answer loses without the word."),
        this.words,
        this.buildHeads(),
        this.buildTokens(),
        this.buildSwitches(),
      );
      new MutationObserver(() => this.drawHeads()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
      this.now();
    }

    buildHeads() {
      this.grid = make("div", { className: "live-heads", role: "radiogroup", ariaLabel: "Layer and head" });
      this.grid.style.setProperty("--heads", this.heads);
      for (let at = 0; at < this.layers * this.heads; at += 1) {
        const button = make("button", { type: "button", role: "radio" }, make("canvas", { width: 8, height: 8 }));
        button.addEventListener("click", () => this.chooseHead(at));
        button.addEventListener("keydown", (event) => {
          if (event.key === "Delete" || event.key === "x") this.cutHead(!this.cut.has(this.name()));
        });
        this.grid.append(button);
      }
      chooseWithKeys(this.grid, this.heads, (at) => this.chooseHead(at));
      this.cutBox = make("input", { type: "checkbox" });
      this.cutBox.addEventListener("change", () => this.cutHead(this.cutBox.checked));
      this.cutLayerBox = make("input", { type: "checkbox" });
      this.cutLayerBox.addEventListener("change", () => {
        for (let head = 0; head < this.heads; head += 1) this.setCut(head, this.cutLayerBox.checked);
        this.now();
      });
      this.headName = make("strong");
      return make(
        "div",
        { className: "live-part" },
        make("p", { className: "live-label" }, "Attention: a row for each layer, a column for each head"),
        make(
          "div",
          { className: "live-columns" },
          this.grid,
          make(
            "div",
            {},
            make("p", { className: "live-note" }, this.headName),
            isOn("cut this head (x)", this.cutBox),
            isOn("cut its whole layer", this.cutLayerBox),
          ),
        ),
      );
    }

    buildTokens() {
      this.tokenLabel = make("p", { className: "live-label" });
      this.chips = make("div", { className: "live-tokens", role: "radiogroup", ariaLabel: "The token that attends" });
      chooseWithKeys(this.chips, 0, (at) => this.chooseQuery(at));
      this.matrix = make("div", { className: "live-matrix", tabIndex: 0, role: "img" });
      this.matrix.addEventListener("click", (event) => {
        const row = event.target.dataset.row;
        if (row) this.chooseQuery(Number(row));
      });
      return make("div", { className: "live-part" }, this.tokenLabel, this.chips, this.matrix);
    }

    buildSwitches() {
      this.maskBoxes = Object.entries(MASKS).map(([name, [text]]) => {
        const radio = make("input", { type: "radio", name: `live-mask-${this.number}`, value: name });
        radio.checked = name === this.mask;
        radio.addEventListener("change", () => {
          this.mask = name;
          this.now();
        });
        return isOn(text, radio);
      });
      this.scaleBox = make("input", { type: "checkbox" });
      this.scaleBox.addEventListener("change", () => {
        this.scale = this.scaleBox.checked ? 1 : undefined;
        this.now();
      });
      const reset = make("button", { type: "button", className: "live-button" }, "As trained");
      reset.addEventListener("click", () => this.reset());
      const legend = make("legend", { className: "live-label" }, "The mask");
      return make(
        "div",
        { className: "live-part live-columns" },
        make("fieldset", {}, legend, ...this.maskBoxes),
        make(
          "div",
          {},
          make("p", { className: "live-label" }, "The scores"),
          isOn("do not divide by √dₖ", this.scaleBox),
          make("p", { className: "live-row" }, reset),
        ),
      );
    }

    // ── What is chosen ─────────────────────────────────────────────────────────────────────────────────────────────

    name(head = this.head) {
      return `${this.layer}.${head}`;
    }

    setCut(head, isCut) {
      if (isCut) this.cut.add(this.name(head));
      else this.cut.delete(this.name(head));
    }

    cutHead(isCut) {
      this.setCut(this.head, isCut);
      this.now();
    }

    chooseHead(at) {
      [this.layer, this.head] = [Math.floor(at / this.heads), at % this.heads];
      this.show();
    }

    chooseQuery(at) {
      this.query = at;
      this.show();
    }

    reset() {
      Object.assign(this, { mask: "trained", scale: undefined });
      this.cut.clear();
      this.scaleBox.checked = false;
      this.maskBoxes[0].querySelector("input").checked = true;
      this.now();
    }

    isAsTrained() {
      return this.mask === "trained" && this.scale === undefined && !this.cut.size;
    }

    // ── What is computed ───────────────────────────────────────────────────────────────────────────────────────────

    later() {
      clearTimeout(this.soon);
      clearTimeout(this.pause);
      this.soon = setTimeout(() => this.now(), SOON);
    }

    // Return what the network makes of a text, with the switches as they stand or as in training.
    classify(text, asTrained = false) {
      const { tokenizer, model, scale, cut } = this;
      const tokens = [...tokenizer.tokens(text, model.max_length), ...Array(PADDING).fill("[PAD]")];
      const isAllowed = MASKS[asTrained ? "trained" : this.mask][1];
      const options = { allowed: tokens.map(isAllowed), ...(asTrained ? {} : { scale, cut }) };
      return { tokens, ...live.classify(tokenizer.encode(tokens), model, options) };
    }

    now() {
      clearTimeout(this.soon);
      clearTimeout(this.pause);
      const text = this.input.value;
      this.result = this.classify(text);
      const { probabilities, tokens } = this.result;
      const answer = probabilities[1] > probabilities[0] ? 1 : 0;
      const [said, p] = [this.model.classes[answer], probabilities[answer]];
      let told = `${said}, probability ${p.toFixed(3)}`;
      if (!this.isAsTrained()) {
        const trained = this.classify(text, true).probabilities;
        const before = trained[1] > trained[0] ? 1 : 0;
        told += ` (as trained: ${this.model.classes[before]}, ${trained[before].toFixed(3)})`;
      }
      const most = this.model.max_length;
      if (this.tokenizer.tokens(text).length > most) told += `; only ${most} tokens are read`;
      this.status.textContent = told;
      this.bar.style.width = `${100 * probabilities[1]}%`;
      this.sides.forEach((side, at) => (side.textContent = `${this.model.classes[at]} ${probabilities[at].toFixed(2)}`));
      this.query = Math.min(this.query, tokens.length - 1);
      this.words.replaceChildren();
      this.show();
      this.pause = setTimeout(() => this.occlude(text, answer), PAUSE);
    }

    // Leave out one word at a time; between two the page is free for the reader.
    occlude(text, answer) {
      const words = text.split(/\s+/).filter(Boolean);
      const found = [];
      const next = () => {
        if (found.length === words.length) {
          this.showWords(words, found);
          return;
        }
        const rest = words.filter((_, at) => at !== found.length).join(" ");
        found.push(this.result.probabilities[answer] - this.classify(rest).probabilities[answer]);
        this.pause = setTimeout(next, 0);
      };
      next();
    }

    // ── What is drawn ──────────────────────────────────────────────────────────────────────────────────────────────

    show() {
      const { tokens, attention } = this.result;
      const isCut = this.cut.has(this.name());
      const weights = attention[this.layer][this.head];
      this.headName.textContent = `Layer ${this.layer + 1}, head ${this.head + 1}${isCut ? ": cut" : ""}`;
      this.cutBox.checked = isCut;
      this.cutLayerBox.checked = [...Array(this.heads).keys()].every((head) => this.cut.has(this.name(head)));
      this.drawHeads();
      this.drawChips(tokens, weights[this.query]);
      this.drawMatrix(tokens, weights);
    }

    showWords(words, drops) {
      const items = words.map((word, at) => {
        const drop = Math.round(drops[at] * 100) / 100 || 0;
        const side = drop < 0 ? "against" : "for";
        const item = make("li", { dataset: { side } }, word, " ", make("span", {}, `${drop > 0 ? "+" : ""}${drop.toFixed(2).replace("-", "−")}`));
        item.style.setProperty("--share", Math.min(1, Math.abs(drop)));
        return item;
      });
      this.words.replaceChildren(...items);
    }

    drawHeads() {
      const buttons = [...this.grid.children];
      buttons.forEach((button, at) => {
        const [layer, head] = [Math.floor(at / this.heads), at % this.heads];
        const isCut = this.cut.has(`${layer}.${head}`);
        button.ariaLabel = `layer ${layer + 1}, head ${head + 1}${isCut ? ", cut" : ""}`;
        button.classList.toggle("live-cut", isCut);
        const canvas = button.firstChild;
        const weights = this.result.attention[layer][head];
        canvas.width = canvas.height = weights.length;
        const paint = canvas.getContext("2d");
        paint.fillStyle = getComputedStyle(this).getPropertyValue("--accent");
        weights.forEach((row, y) =>
          row.forEach((weight, x) => {
            paint.globalAlpha = weight;
            paint.fillRect(x, y, 1, 1);
          }),
        );
      });
      markChosen(buttons, this.layer * this.heads + this.head);
    }

    drawChips(tokens, row) {
      const most = row.indexOf(Math.max(...row));
      this.tokenLabel.textContent = `Choose a token. From where ${tokens[this.query]} takes its mixture: most from ${tokens[most]}`;
      if (this.chips.childElementCount !== tokens.length) {
        const focused = this.chips.contains(document.activeElement);
        this.chips.replaceChildren(
          ...tokens.map((_, at) => {
            const button = make("button", { type: "button", role: "radio" }, make("span"), make("span"));
            button.addEventListener("click", () => this.chooseQuery(at));
            return button;
          }),
        );
        if (focused) this.chips.children[this.query].focus();
      }
      [...this.chips.children].forEach((button, at) => {
        button.firstChild.textContent = tokens[at];
        button.lastChild.textContent = row[at].toFixed(2);
        button.style.setProperty("--share", row[at]);
      });
      markChosen([...this.chips.children], this.query);
    }

    drawMatrix(tokens, weights) {
      const size = tokens.length;
      const room = 8 * Math.min(12, Math.max(...tokens.map((token) => token.length))) + 8;
      const [width, height] = [room + CELL * size + 4, room + CELL * size + 4];
      const draw = (tag, attributes, text) => {
        const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        if (text !== undefined) element.textContent = text.length > 12 ? `${text.slice(0, 11)}…` : text;
        return element;
      };
      const picture = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
      tokens.forEach((token, at) => {
        const middle = room + CELL * (at + 0.5);
        picture.append(
          draw("text", { x: room - 5, y: middle + 4, "text-anchor": "end", class: at === this.query ? "live-chosen" : "" }, token),
          draw("text", { x: 0, y: 0, transform: `translate(${middle + 4} ${room - 5}) rotate(-90)` }, token),
        );
      });
      weights.forEach((row, y) =>
        row.forEach((weight, x) => {
          const place = { x: room + CELL * x, y: room + CELL * y, width: CELL, height: CELL };
          const cell = draw("rect", { ...place, "fill-opacity": weight.toFixed(3) });
          cell.dataset.row = y;
          picture.append(cell);
        }),
      );
      const frame = { x: room, y: room + CELL * this.query, width: CELL * size, height: CELL, class: "live-frame" };
      picture.append(draw("rect", frame));
      this.matrix.ariaLabel =
        `Weights of layer ${this.layer + 1}, head ${this.head + 1}: ${size} rows of tokens that attend, ` +
        `${size} columns of tokens that are attended to. The row of ${tokens[this.query]} stands in numbers above.`;
      this.matrix.replaceChildren(picture);
    }
  }

  customElements.define("live-classifier", LiveClassifier);
})((globalThis.live ??= {}));

// Look into the attention of every layer and head, cut heads, change mask and scale. Chapter 8 says what each word
// carries; chapter 2 lets the reader drag a weight by hand, and says how far that moves the weights of other heads.
(function (live) {
  "use strict";

  const { make, write, Choice, Panel } = live;
  const PAUSE = 500; // milliseconds after the answer: before the words
  const PIXELS = 120; // that a hand goes up from weight 0 to weight 1
  const MASKS = {
    trained: ["hides the padding, as in training", (token) => token !== "[PAD]"],
    none: ["hides nothing", () => true],
    inverted: ["inverted: hides the text", (token) => token === "[PAD]"],
  };

  const EXAMPLES = [
    "Nobody could call the room clean.",
    "I couldn't believe how clean the room was.",
    "Although the soup was delicious, the service was awful.",
    "The plot was not gripping, but the acting was superb.",
  ];

  const DECIDED = "The soup was not good, but the staff was kind."; // by one head

  const isOn = (name, box) => make("label", { className: "live-choice" }, box, ` ${name}`);

  class HeadsPanel extends Panel {
    get label() {
      return "A review";
    }

    get examples() {
      return EXAMPLES;
    }

    // ── What is seen ───────────────────────────────────────────────────────────────────────────────────────────────

    build() {
      Object.assign(this, { layer: 0, head: 0, cut: new Set(), dragged: new Map(), mask: "trained", scale: undefined });
      this.layers = this.model.blocks.length;
      this.heads = this.model.num_heads;
      return [this.buildHeads(), this.buildTable(), this.buildSwitches()];
    }

    buildHeads() {
      this.grid = new Choice("live-heads", "Layer and head", this.heads, (at) => this.chooseHead(at));
      this.grid.root.style.setProperty("--heads", this.heads);
      this.grid.fill(this.layers * this.heads, () => [make("canvas", { width: 8, height: 8 }), make("span")]);
      this.grid.root.addEventListener("keydown", (event) => {
        if (event.key === "Delete" || event.key === "x") this.cutHead(!this.cut.has(this.name()));
      });
      this.cutBox = make("input", { type: "checkbox" });
      this.cutBox.addEventListener("change", () => this.cutHead(this.cutBox.checked));
      this.cutLayerBox = make("input", { type: "checkbox" });
      this.cutLayerBox.addEventListener("change", () => {
        for (let head = 0; head < this.heads; head += 1) this.setCut(head, this.cutLayerBox.checked);
        this.now();
      });
      this.headName = make("strong");
      const moved = "A number below a head: the share of its weights that has moved since training, averaged over the tokens.";
      return make(
        "div",
        { className: "live-part" },
        make("p", { className: "live-label" }, "Attention: a row for each layer, a column for each head"),
        make(
          "div",
          { className: "live-columns" },
          this.grid.root,
          make(
            "div",
            { className: "live-beside" },
            make("p", { className: "live-note" }, this.headName),
            isOn("cut this head (x)", this.cutBox),
            isOn("cut its whole layer", this.cutLayerBox),
            make("p", { className: "live-note" }, moved),
          ),
        ),
      );
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

    reset() {
      Object.assign(this, { mask: "trained", scale: undefined });
      this.cut.clear();
      this.dragged.clear();
      this.scaleBox.checked = false;
      this.maskBoxes[0].querySelector("input").checked = true;
      this.now();
    }

    isAsTrained() {
      return this.mask === "trained" && this.scale === undefined && !this.cut.size && !this.dragged.size;
    }

    switches(tokens) {
      const dragged = [...this.dragged.values()];
      return { allowed: tokens.map(MASKS[this.mask][1]), scale: this.scale, cut: this.cut, dragged };
    }

    // ── What is drawn ──────────────────────────────────────────────────────────────────────────────────────────────

    show() {
      const { tokens, attention } = this.result;
      const isCut = this.cut.has(this.name());
      const weights = attention[this.layer][this.head];
      const row = weights[this.query];
      const title = `Layer ${this.layer + 1}, head ${this.head + 1}`;
      this.headName.textContent = title + (isCut ? ": cut" : "");
      this.cutBox.checked = isCut;
      this.cutLayerBox.checked = [...Array(this.heads).keys()].every((head) => this.cut.has(this.name(head)));
      this.drawHeads();
      this.tokenLabel.textContent =
        `${title}. Choose a token: from where does it take its mixture? ` +
        `${tokens[this.query]} takes most from ${tokens[row.indexOf(Math.max(...row))]}`;
      this.drawChips(tokens, row);
      return this.drawTable(tokens, weights, `Weights of layer ${this.layer + 1}, head ${this.head + 1}`, [
        "token that attends (query)",
        "attended to (key)",
      ]);
    }

    // The share of a head's weights that has moved since training: of each token's row, then averaged.
    moved(layer, head) {
      const [now, then] = [this.result, this.trained].map(({ attention }) => attention[layer][head]);
      const count = this.result.tokens.indexOf("[PAD]");
      let total = 0;
      for (let y = 0; y < count; y += 1) now[y].forEach((weight, x) => (total += Math.abs(weight - then[y][x]) / 2));
      return total / count;
    }

    drawHeads() {
      this.grid.buttons.forEach((button, at) => {
        const [layer, head] = [Math.floor(at / this.heads), at % this.heads];
        const isCut = this.cut.has(`${layer}.${head}`);
        const share = this.isAsTrained() ? "" : this.moved(layer, head).toFixed(2);
        button.lastChild.textContent = share;
        button.ariaLabel = `layer ${layer + 1}, head ${head + 1}${isCut ? ", cut" : ""}${share && `, moved ${share}`}`;
        button.classList.toggle("live-cut", isCut);
        this.drawSmall(button.firstChild, this.result.attention[layer][head]);
      });
      this.grid.mark(this.layer * this.heads + this.head);
    }
  }

  // ── Chapter 8 ────────────────────────────────────────────────────────────────────────────────────────────────────

  class ClassifierPanel extends HeadsPanel {
    build() {
      this.words = make("ol", { className: "live-words" });
      return [
        make("p", { className: "live-label" }, "What each word carries"),
        make("p", { className: "live-note" }, "What the probability of the answer loses without the word."),
        this.words,
        ...super.build(),
      ];
    }

    now() {
      super.now();
      clearTimeout(this.pause);
      this.words.replaceChildren();
      const { probabilities } = this.result;
      this.pause = setTimeout(() => this.occlude(this.input.value, probabilities[1] > probabilities[0] ? 1 : 0), PAUSE);
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

    showWords(words, drops) {
      const items = words.map((word, at) => {
        const drop = Math.round(drops[at] * 100) / 100 || 0;
        const item = make("li", { dataset: { side: drop < 0 ? "against" : "for" } });
        item.append(word, " ", make("span", {}, `${drop > 0 ? "+" : ""}${write(drop)}`));
        item.style.setProperty("--share", Math.min(1, Math.abs(drop)));
        return item;
      });
      this.words.replaceChildren(...items);
    }
  }

  // ── Chapter 2 ────────────────────────────────────────────────────────────────────────────────────────────────────

  class DragPanel extends HeadsPanel {
    get examples() {
      return [EXAMPLES[0], DECIDED, ...EXAMPLES.slice(1, 3)];
    }

    // A handle lies on one cell of the table: up makes its weight larger, down smaller.
    buildTable() {
      const part = super.buildTable();
      this.key = 0;
      this.handle = make("div", { className: "live-handle", role: "slider", tabIndex: 0 }, make("i"));
      for (const [name, value] of Object.entries({ valuemin: 0, valuemax: 1, orientation: "vertical" })) {
        this.handle.setAttribute(`aria-${name}`, value);
      }
      this.handle.addEventListener("keydown", (event) => this.dragWithKey(event));
      let start; // where the hand was, and the weight there
      const begin = (event) => {
        start = { y: event.clientY, weight: this.weight() };
        this.handle.setPointerCapture(event.pointerId);
        this.handle.focus({ preventScroll: true });
        event.preventDefault();
      };
      this.handle.addEventListener("pointerdown", begin);
      this.handle.addEventListener("pointermove", (event) => {
        if (this.handle.hasPointerCapture(event.pointerId)) this.drag(start.weight + (start.y - event.clientY) / PIXELS);
      });
      this.picture.addEventListener("pointerdown", (event) => {
        const { row, column } = event.target.dataset;
        if (!row || event.pointerType !== "mouse") return; // a finger may want to scroll: it chooses a cell first
        this.chooseCell(Number(row), Number(column));
        begin(event);
      });
      this.matrix.append(this.handle);
      this.matrix.removeAttribute("tabindex"); // its handle takes the focus
      this.dragNote = make("p", { className: "live-note" });
      const hint =
        "The marked cell can be dragged up and down, with a mouse or a finger; the rest of its row shares what is left of 1. " +
        "With the keyboard: up and down, Page Up, Page Down, Home and End for the weight, left and right for another cell.";
      part.append(this.dragNote, make("p", { className: "live-note live-small" }, hint));
      return part;
    }

    readText() {
      this.dragged.clear(); // a place in another text is another token
      super.readText();
    }

    chooseCell(row, column) {
      this.key = column;
      this.chooseQuery(row);
    }

    weight() {
      return this.result.attention[this.layer][this.head][this.query][this.key];
    }

    // Set the marked weight; what is computed follows with the next picture of the screen.
    drag(weight) {
      const { layer, head, query, key } = this;
      const name = [layer, head, query, key].join(".");
      this.dragged.delete(name); // the last comes last
      this.dragged.set(name, { layer, head, query, key, weight: Math.min(1, Math.max(0, weight)) });
      this.frame ??= requestAnimationFrame(() => {
        this.frame = undefined;
        this.now();
      });
    }

    dragWithKey(event) {
      const weight = this.dragged.get([this.layer, this.head, this.query, this.key].join("."))?.weight ?? this.weight();
      const step = { ArrowUp: 0.05, ArrowDown: -0.05, PageUp: 0.25, PageDown: -0.25, Home: -1, End: 1 }[event.key];
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step && !move) return;
      event.preventDefault();
      if (step) this.drag(weight + step);
      else this.key = Math.min(this.result.tokens.length - 1, Math.max(0, this.key + move));
      if (move) this.show();
    }

    show() {
      const { tokens } = this.result;
      this.key = Math.min(this.key, tokens.length - 1);
      const { room, cell } = super.show();
      const [weight, then] = [this.weight(), this.trained.attention[this.layer][this.head][this.query][this.key]];
      this.handle.style.left = `${room + cell * this.key}px`;
      this.handle.style.top = `${room + cell * this.query}px`;
      this.handle.setAttribute("aria-label", `weight of ${tokens[this.key]} in the row of ${tokens[this.query]}`);
      this.handle.setAttribute("aria-valuenow", weight.toFixed(2));
      const count = this.dragged.size;
      const byHand = count ? ` ${count === 1 ? "One weight is" : `${count} weights are`} set by hand.` : "";
      this.dragNote.textContent =
        `Row ${tokens[this.query]}, column ${tokens[this.key]}: weight ${weight.toFixed(2)} (as trained: ${then.toFixed(2)}).${byHand}`;
    }
  }

  Object.assign(live.panels, { "live-classifier": ClassifierPanel, "live-heads": DragPanel });
})((globalThis.live ??= {}));

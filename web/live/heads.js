// Look into the attention of every layer and head, cut heads, change mask and scale. Chapter 8 says what each word
// carries; chapter 2 lets the reader drag a weight by hand, and says how far that moves the weights of other heads.
(function (live) {
  "use strict";

  const { make, write, draw, Choice, Panel } = live;
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

  const isOn = (name, box, ...more) => make("label", { className: "live-choice" }, box, ` ${name}`, ...more);

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
      this.wereCut = {}; // of each layer that was cut as a whole: the heads that were cut before
      this.reset = make("button", { type: "button", className: "live-button" }, "As trained");
      this.reset.addEventListener("click", () => this.putBack());
      this.answer.append(this.reset);
      return [this.buildSwitches(), this.buildHeads(), this.buildTable()];
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
        this.cutLayer(this.cutLayerBox.checked);
      });
      this.headName = make("strong");
      const moved =
        "When you change something, the number below a head says which share of its weights has moved since training, " +
        "averaged over the tokens.";
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
            isOn("cut this head", this.cutBox, make("span", { className: "live-keys" }, " (key x on its picture)")),
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
      const legend = make("legend", { className: "live-label" }, "The mask");
      return make(
        "div",
        { className: "live-part live-columns" },
        make("fieldset", {}, legend, ...this.maskBoxes),
        make("div", {}, make("p", { className: "live-label" }, "The scores"), isOn("do not divide by √dₖ", this.scaleBox)),
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

    // Cut the heads of a layer, or put back those that were not cut before.
    cutLayer(isCut) {
      const heads = [...Array(this.heads).keys()];
      const before = this.wereCut[this.layer] ?? [];
      this.wereCut[this.layer] = isCut ? heads.filter((head) => this.cut.has(this.name(head))) : [];
      heads.forEach((head) => this.setCut(head, isCut || before.includes(head)));
      this.now();
    }

    chooseHead(at) {
      [this.layer, this.head] = [Math.floor(at / this.heads), at % this.heads];
      this.show();
    }

    putBack() {
      Object.assign(this, { mask: "trained", scale: undefined, wereCut: {} });
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
      const allowed = tokens.map(MASKS[this.mask][1]);
      const dragged = [...this.dragged.values()].filter(({ key }) => allowed[key]);
      return { allowed, scale: this.scale, cut: this.cut, dragged };
    }

    // ── What is drawn ──────────────────────────────────────────────────────────────────────────────────────────────

    show() {
      const { attention } = this.result;
      const isCut = this.cut.has(this.name());
      const weights = attention[this.layer][this.head];
      const row = weights[this.query];
      const title = `Layer ${this.layer + 1}, head ${this.head + 1}`;
      this.headName.textContent = title + (isCut ? ": cut" : "");
      this.cutBox.checked = isCut;
      this.cutLayerBox.checked = [...Array(this.heads).keys()].every((head) => this.cut.has(this.name(head)));
      this.drawHeads();
      this.reset.ariaDisabled = String(this.isAsTrained());
      const takes = `${this.quote(this.query)} takes most from ${this.quote(row.indexOf(Math.max(...row)))}`;
      this.tokenLabel.textContent = isCut
        ? `${title} is cut: these weights are computed, but no token gets anything from here. Choose a token`
        : `${title}. Choose a token: from where does it take its mixture? ${takes}`;
      this.table.classList.toggle("live-off", isCut);
      this.drawChips(row);
      this.tellCell(write(row[this.key]));
      return this.drawTable(weights, `Weights of layer ${this.layer + 1}, head ${this.head + 1}`);
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
        const share = isCut || this.isAsTrained() ? "" : this.moved(layer, head).toFixed(2);
        button.lastChild.textContent = share;
        button.ariaLabel = `layer ${layer + 1}, head ${head + 1}${isCut ? ", cut" : ""}${share && `, moved ${share}`}`;
        button.classList.toggle("live-cut", isCut);
        button.classList.remove("live-set");
        this.drawSmall(button.firstChild, this.result.attention[layer][head]);
      });
      this.grid.mark(this.layer * this.heads + this.head);
    }
  }

  // ── Chapter 8 ────────────────────────────────────────────────────────────────────────────────────────────────────

  class ClassifierPanel extends HeadsPanel {
    build() {
      this.words = make("ol", { className: "live-words" });
      this.wordNote = make("p", { className: "live-note" });
      const [switches, ...rest] = super.build();
      const label = make("p", { className: "live-label" }, "What each word carries");
      return [switches, make("div", { className: "live-part" }, label, this.wordNote, this.words), ...rest];
    }

    // What is known of the words stays, pale, until the new numbers are there: nothing below them moves.
    now() {
      super.now();
      clearTimeout(this.pause);
      this.wordNote.textContent =
        this.mask === "inverted"
          ? "The mask hides every word, so no word is read. The numbers differ from 0 all the same: without a word there are fewer tokens."
          : "What the probability of the answer loses without the word. Below 0, the word speaks against the answer.";
      const words = this.input.value.split(/\s+/).filter(Boolean);
      if (words.join(" ") !== this.shown) this.showWords(words);
      this.words.ariaBusy = "true";
      this.pause = setTimeout(() => this.occlude(words), PAUSE);
    }

    // Leave out one word at a time; between two the page is free for the reader.
    occlude(words) {
      const { probabilities } = this.result;
      const answer = probabilities[1] > probabilities[0] ? 1 : 0;
      const found = [];
      const next = () => {
        if (found.length === words.length) {
          this.showWords(words, found);
          return;
        }
        const rest = words.filter((_, at) => at !== found.length).join(" ");
        found.push(probabilities[answer] - this.classify(rest).probabilities[answer]);
        this.pause = setTimeout(next, 0);
      };
      next();
    }

    showWords(words, drops) {
      const items = words.map((word, at) => {
        const drop = drops ? Math.round(drops[at] * 100) / 100 || 0 : 0;
        const item = make("li", { dataset: { side: drop < 0 ? "against" : "for" } });
        item.append(word, " ", make("span", {}, drops ? `${drop > 0 ? "+" : ""}${write(drop)}` : "…"));
        item.style.setProperty("--share", Math.min(1, Math.abs(drop)));
        return item;
      });
      this.words.replaceChildren(...items);
      this.words.ariaBusy = String(!drops);
      this.shown = words.join(" ");
    }
  }

  // ── Chapter 2 ────────────────────────────────────────────────────────────────────────────────────────────────────

  class DragPanel extends HeadsPanel {
    get examples() {
      return [EXAMPLES[0], DECIDED, ...EXAMPLES.slice(1, 3)];
    }

    // The weight of the marked cell: a slider for all, and with the mouse the cell itself, up and down. A finger on the
    // table chooses or scrolls.
    buildTable() {
      const part = super.buildTable();
      this.slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, className: "live-weight" });
      this.slider.addEventListener("input", () => this.drag(Number(this.slider.value)));
      this.rowBack = make("button", { type: "button" }, "Put this row back");
      this.rowBack.addEventListener("click", () => {
        this.dragged.delete(this.rowName());
        this.now();
      });
      this.matrix.addEventListener("keydown", ({ key }) => {
        if (key === "Delete" || key === "Backspace") this.rowBack.click();
      });
      let start; // where the hand was, and the weight there
      this.picture.addEventListener("pointerdown", (event) => {
        const { row, column } = event.target.dataset;
        if (!row || event.button || event.pointerType !== "mouse") return;
        event.preventDefault();
        this.chooseCell(Number(row), Number(column));
        this.matrix.focus({ preventScroll: true });
        this.picture.setPointerCapture(event.pointerId);
        start = { y: event.clientY, weight: this.weight() };
      });
      this.picture.addEventListener("pointermove", (event) => {
        const up = start?.y - event.clientY;
        if (this.picture.hasPointerCapture(event.pointerId) && up) this.drag(start.weight + up / PIXELS);
      });
      this.dragNote = make("p", { className: "live-note live-small" });
      const keys = " With a mouse, drag a cell up or down. In the table, the arrow keys choose a cell, and Delete puts its row back.";
      const hint = make("p", { className: "live-note live-small" }, "In each row, one weight can be set: the others share what is left of 1.");
      hint.append(make("span", { className: "live-keys" }, keys));
      this.cellNote.after(make("p", { className: "live-row" }, this.slider, this.rowBack), this.dragNote, hint);
      return part;
    }

    readText() {
      this.dropped ||= this.dragged.size > 0; // a place in another text is another token
      this.dragged.clear();
      super.readText();
    }

    putBack() {
      this.dropped = false;
      super.putBack();
    }

    weight() {
      return this.result.attention[this.layer][this.head][this.query][this.key];
    }

    rowName() {
      return [this.layer, this.head, this.query].join(".");
    }

    // Why the marked weight cannot be set, if so.
    refusal() {
      if (this.cut.has(this.name())) return "This head is cut: its weights count for nothing.";
      const isAllowed = MASKS[this.mask][1](this.result.tokens[this.key]);
      return isAllowed ? "" : `The mask hides ${this.quote(this.key)}: its weight stays 0.`;
    }

    // Set the marked weight; what is computed follows with the next picture of the screen.
    drag(weight) {
      if (this.refusal()) return;
      const { layer, head, query, key } = this;
      this.dragged.set(this.rowName(), { layer, head, query, key, weight: Math.min(1, Math.max(0, weight)) });
      this.dropped = false;
      this.frame ??= requestAnimationFrame(() => {
        this.frame = undefined;
        this.now();
      });
    }

    show() {
      const box = super.show();
      const then = this.trained.attention[this.layer][this.head][this.query][this.key];
      this.tellCell(`${write(this.weight())} (as trained: ${write(then)})`);
      const refusal = this.refusal();
      this.slider.value = this.weight();
      this.slider.disabled = Boolean(refusal);
      this.slider.ariaLabel = `weight of ${this.quote(this.key)} in the row of ${this.quote(this.query)}`;
      this.rowBack.ariaDisabled = String(!this.dragged.has(this.rowName()));
      const count = this.dragged.size;
      const byHand = count ? `${count === 1 ? "One weight is" : `${count} weights are`} set by hand (●).` : "None is set by hand.";
      const dropped = this.dropped ? "The text is another: the weights that were set by hand are as computed again." : byHand;
      this.dragNote.textContent = refusal || dropped;
      for (const { layer, head, query, key } of this.dragged.values()) {
        this.grid.buttons[layer * this.heads + head].classList.add("live-set");
        if (layer !== this.layer || head !== this.head) continue;
        const { x, y, width } = box(query, key);
        this.names.before(draw("circle", { cx: x + width / 2, cy: y + width / 2, r: width / 5 }));
      }
    }
  }

  Object.assign(live.panels, { "live-classifier": ClassifierPanel, "live-heads": DragPanel });
})((globalThis.live ??= {}));

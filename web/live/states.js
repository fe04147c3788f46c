// Chapter 6: how a word is cut, one try after the other, and how alike the tokens' vectors are after each layer.
(function (live) {
  "use strict";

  const { make, Choice, Panel } = live;
  const EXAMPLES = [
    "Unaffordable cookbooks for snowboarders.",
    "The soup was delicious, the service was awful.",
    "Viele Grüße aus Zürich!",
  ];

  // The cosine of the angle between each two vectors: 1 for vectors of one direction.
  function cosines(vectors) {
    const lengths = vectors.map((vector) => Math.sqrt(live.dot(vector, vector)));
    return vectors.map((a, i) => vectors.map((b, j) => live.dot(a, b) / (lengths[i] * lengths[j])));
  }

  class StatesPanel extends Panel {
    get label() {
      return "A text";
    }

    get examples() {
      return EXAMPLES;
    }

    build() {
      Object.assign(this, { word: 0, step: 0, layer: 0 });
      return [this.buildWords(), this.buildLayers(), this.buildTable()];
    }

    // ── Pieces ─────────────────────────────────────────────────────────────────────────────────────────────────────

    buildWords() {
      this.words = new Choice("live-tokens", "The word to cut", 0, (at) => this.chooseWord(at));
      this.letters = make("p", { className: "live-letters", ariaHidden: "true" });
      this.told = make("p", { className: "live-told", role: "status" });
      this.again = make("button", { type: "button" }, "Start again");
      this.back = make("button", { type: "button" }, "Back");
      this.onwards = make("button", { type: "button" }, "Next try");
      this.end = make("button", { type: "button" }, "To the end");
      for (const [button, steps] of [[this.again, -Infinity], [this.back, -1], [this.onwards, 1], [this.end, Infinity]]) {
        button.addEventListener("click", () => this.take(steps));
      }
      return make(
        "div",
        { className: "live-part" },
        make("p", { className: "live-label" }, "How a word is cut: choose one. The number says in how many tries"),
        this.words.root,
        this.letters,
        make("p", { className: "live-row" }, this.again, this.back, this.onwards, this.end),
        this.told,
      );
    }

    chooseWord(at) {
      Object.assign(this, { word: at, step: 0 });
      this.showWord();
    }

    take(steps) {
      const { tries = [] } = this.cuts[this.word] ?? {};
      this.step = Math.max(0, Math.min(tries.length, this.step + steps));
      this.showWord();
    }

    readText() {
      let room = this.model.max_length - 2; // for pieces, between [CLS] and [SEP]
      this.cuts = this.tokenizer.cuts(this.input.value).filter(({ pieces }) => (room -= pieces.length) > -pieces.length);
      [this.word, this.step] = [Math.max(0, Math.min(this.word, this.cuts.length - 1)), 0];
      super.readText();
    }

    showWord() {
      this.words.fill(this.cuts.length, () => [make("span"), make("span")]);
      this.words.buttons.forEach((button, at) => {
        button.firstChild.textContent = this.cuts[at].word;
        button.lastChild.textContent = this.cuts[at].tries.length;
      });
      this.words.mark(this.word);
      const { word = "", tries = [], pieces = [] } = this.cuts[this.word] ?? {};
      const done = tries.slice(0, this.step);
      const found = done.filter(({ known }) => known);
      const last = done[this.step - 1];
      const letters = [...word].map((letter, at) => {
        const piece = found.findIndex(({ start, end }) => at >= start && at < end);
        const tried = last && at >= last.start && at < last.end;
        return make("span", { className: `${piece < 0 ? "" : `live-piece-${piece % 2}`}${tried ? " live-tried" : ""}` }, letter);
      });
      this.letters.replaceChildren(...letters);
      const isOver = this.step === tries.length;
      const tried = last && `Try ${this.step}: “${last.piece}” is ${last.known ? "a piece" : "no piece"} of the vocabulary.`;
      const over = isOver ? ` “${word}” becomes ${pieces.join(" ")}.` : "";
      this.told.textContent = (tried ?? `Is “${word}”, whole, a piece of the vocabulary?`) + over;
      if (!tries.length) this.told.textContent = word && `“${word}” is not looked up in parts: it becomes ${pieces.join(" ")}.`;
      this.told.classList.toggle("live-hit", Boolean(last?.known));
      this.again.ariaDisabled = this.back.ariaDisabled = String(this.step === 0);
      this.onwards.ariaDisabled = this.end.ariaDisabled = String(isOver);
    }

    // ── Hidden states ──────────────────────────────────────────────────────────────────────────────────────────────

    buildLayers() {
      const count = this.model.blocks.length + 1;
      this.strip = new Choice("live-layers", "Hidden states after", 0, (at) => {
        this.layer = at;
        this.show();
      });
      this.strip.fill(count, () => [make("canvas", { width: 8, height: 8 }), make("span")]);
      this.strip.buttons.forEach((button, at) => (button.lastChild.textContent = at ? `layer ${at}` : "embed\u00adding"));
      return make(
        "div",
        { className: "live-part" },
        make("p", { className: "live-label" }, "Hidden states: how alike are the vectors of two tokens? Choose after which layer"),
        this.strip.root,
        make("p", { className: "live-note" }, "The cosine of their angle: 1 for one direction, 0 for a right angle; below 0 a cell stays empty."),
      );
    }

    show() {
      this.showWord();
      const { hiddenStates } = this.result;
      const tables = hiddenStates.map(cosines);
      this.strip.buttons.forEach((button, at) => this.drawSmall(button.firstChild, tables[at]));
      this.strip.mark(this.layer);
      const after = this.layer ? `layer ${this.layer}` : "the embedding";
      const row = tables[this.layer][this.query];
      const others = row.map((value, at) => (at === this.query ? -2 : value));
      const nearest = this.quote(others.indexOf(Math.max(...others)));
      this.tokenLabel.textContent = `After ${after}. Choose a token: ${this.quote(this.query)} is most like ${nearest}`;
      this.drawChips(row);
      this.drawTable(tables[this.layer], `Cosines of the hidden states after ${after}`);
      this.tellCell(live.write(row[this.key], 3));
    }
  }

  Object.assign(live, { cosines });
  live.panels["live-states"] = StatesPanel;
})((globalThis.live ??= {}));

// The elements <live-heads>, <live-states> and <live-classifier> of chapters 2, 6 and 8: one classifier, to play with.
// Each shows the sentence that stands in it until the reader asks for the network; scripts and weights come then.
(function (live) {
  "use strict";

  const NEEDED = ["characters.js", "tokenizer.js", "encoder.js", "weights.js", "panel.js"];
  const OWN = { "live-heads": "heads.js", "live-states": "states.js", "live-classifier": "heads.js" };
  const folder = new URL(".", globalThis.document?.currentScript?.src ?? "file:///");
  const loaded = {};
  const parts = []; // what each script of the weights hands over, by its number

  live.receive = (number, base64) => (parts[number] = base64);

  // Load a script or a style sheet of this folder once; if it fails it can be asked for again.
  function load(name) {
    loaded[name] ??= new Promise((done, failed) => {
      const isScript = name.endsWith(".js");
      const part = document.createElement(isScript ? "script" : "link");
      part.rel = "stylesheet";
      part[isScript ? "src" : "href"] = new URL(name, folder).href;
      part.onload = done;
      part.onerror = () => {
        part.remove();
        delete loaded[name];
        failed(new Error(`${name} could not be loaded`));
      };
      document.head.append(part);
    });
    return loaded[name];
  }

  let network; // one for all elements of a page: a promise of { model, tokenizer }

  async function fetchNetwork(onProgress) {
    await load("panel.css");
    for (const name of NEEDED) await load(name);
    await load("weights/contents.js"); // sets live.contents
    const { count, bytes, vocabulary } = live.contents;
    for (let number = 0; number < count; number += 1) {
      await load(`weights/part-${number}.js`);
      onProgress((number + 1) / count);
    }
    const file = live.bytesOf(parts.join(""));
    if (file.length !== bytes) throw new Error(`${bytes} bytes of weights were expected; ${file.length} came`);
    parts.length = 0;
    return { model: live.unpack(file), tokenizer: new live.Tokenizer(vocabulary, live.characters) };
  }

  class Live extends HTMLElement {
    connectedCallback() {
      if (this.button) return; // moved within the page
      this.classList.add("live");
      this.setAttribute("role", "region");
      this.setAttribute("aria-label", "Try the classifier");
      this.innerHTML = `<p class="live-title">Try it</p>
        <p>The classifier of chapter 8, with seed 0, can run in this page, its weights rounded to eight bits.</p>
        <p class="live-row"><button type="button" class="live-button">Fetch the network, 3 MB</button>
        <progress max="1" value="0" aria-label="Weights fetched" hidden></progress></p>
        <p class="live-status" role="status"></p>`;
      [this.button, this.progress, this.status] = this.querySelectorAll("button, progress, .live-status");
      this.button.addEventListener("click", () => this.fetch());
    }

    async fetch() {
      this.button.disabled = true;
      this.progress.hidden = false;
      this.status.textContent = "The weights are being fetched.";
      try {
        network ??= fetchNetwork((share) => (this.progress.value = share)).catch((error) => {
          network = undefined; // so that the reader can try again
          throw error;
        });
        const { model, tokenizer } = await network;
        await load(OWN[this.localName]);
        this.panel = new live.panels[this.localName](this, model, tokenizer);
      } catch (error) {
        this.status.textContent = `The network did not come: ${error.message}. Press the button to try again.`;
        this.button.disabled = false;
        this.progress.hidden = true;
      }
    }
  }

  for (const name of Object.keys(OWN)) customElements.define(name, class extends Live {});
})((globalThis.live ??= {}));

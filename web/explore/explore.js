// What the pictures that move have in common: a drawing of a chapter that says `data-explore="NAME"` becomes the element
// <explore-NAME>, with the numbers that its cell wrote. Without this script, on paper and in notebooks the drawing stays.
"use strict";

const explore = (() => {
  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
  let made = 0;

  // Elements
  function fill(element, attributes, parts) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...parts);
    return element;
  }
  const tag = (name, attributes = {}, ...parts) => fill(document.createElement(name), attributes, parts);
  const shape = (name, attributes = {}, ...parts) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, parts);
  const picture = (width, height, label, attributes = {}) =>
    shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, ...attributes });

  // Numbers as the drawings write them: rounded, with a true minus sign, and never a negative zero.
  const write = (number, digits = 2) => number.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1").replace("-", "−");
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const typeset = (text) => text.replaceAll("'", "’").replaceAll(" °", "\u00a0°").replace(/-(?=\d)/g, "−");
  const line = (points) => points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

  function slider(words, { low, high, step = 1, at, read }, changed) {
    const id = `explore-${++made}`;
    const input = tag("input", { type: "range", id, min: low, max: high, step });
    const shown = tag("span", { class: "shown", "aria-hidden": "true" });
    const set = (value) => {
      input.value = value;
      shown.textContent = read(Number(input.value));
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    input.addEventListener("input", () => {
      set(input.value);
      changed(Number(input.value));
    });
    set(at);
    return { root: tag("div", { class: "dial" }, tag("label", { for: id }, words), input, shown), input, set };
  }

  function button(words, pressed, attributes = {}) {
    const root = tag("button", { type: "button", ...attributes }, words);
    root.addEventListener("click", pressed);
    return root;
  }

  // Where a finger or a mouse goes in a picture, in the picture's own units.
  function follow(svg, move) {
    const where = (event) => {
      const [box, view] = [svg.getBoundingClientRect(), svg.viewBox.baseVal];
      move(((event.clientX - box.left) / box.width) * view.width, ((event.clientY - box.top) / box.height) * view.height);
    };
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      where(event);
    });
    svg.addEventListener("pointermove", (event) => svg.hasPointerCapture(event.pointerId) && where(event));
  }

  // A sentence that says what is seen. Screen readers hear it once the reader's hand rests.
  function speaker() {
    const [seen, heard] = [tag("p", { class: "seen", "aria-hidden": "true" }), tag("p", { class: "heard", role: "status" })];
    let waiting = 0;
    const say = (sentence) => {
      seen.textContent = typeset(sentence);
      clearTimeout(waiting);
      waiting = setTimeout(() => (heard.textContent = seen.textContent), 400);
    };
    return { root: tag("div", {}, seen, heard), say };
  }

  function puzzle({ question, answer }) {
    const asked = tag("p", { class: "asked" }, tag("strong", {}, "Play and find out. "), typeset(question));
    return tag("div", {}, asked, tag("details", {}, tag("summary", {}, "Answer"), tag("p", {}, typeset(answer))));
  }

  // Let drawings of this name become elements. `build` returns an element's parts; if it fails, the drawing stays.
  function define(name, build) {
    customElements.define(`explore-${name}`, class extends HTMLElement {});
    for (const still of document.querySelectorAll(`svg[data-explore="${name}"]`)) {
      const numbers = JSON.parse(still.dataset.numbers);
      const title = still.querySelector("title").textContent;
      const element = tag(`explore-${name}`, { class: numbers.keep ? "explorer kept-still" : "explorer", role: "group", "aria-label": `${title}, to play with` });
      element.append(...build(numbers, element), puzzle(numbers));
      still.replaceWith(element);
      still.classList.add("still");
      if (numbers.keep) element.prepend(still);
      else element.append(still);
    }
  }

  return { COLOURS, tag, shape, picture, write, sum, line, slider, button, follow, speaker, define, arithmetic: {} };
})();

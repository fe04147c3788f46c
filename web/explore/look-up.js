// Chapter 1: one query of the weather log through dot products, scores, softmax and values.
"use strict";

(() => {
  const { COLOURS, tag, shape, picture, write, sum, line, slider, button, follow, speaker } = explore;
  const TEMPERATURES = [-2, -1, 0, 1, 2].flatMap((power) =>
    [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].map((digit) => Number(`${digit}e${power}`)),
  );
  TEMPERATURES.push(1000);

  const onClock = (hour) => [Math.sin((2 * Math.PI * hour) / 24), Math.cos((2 * Math.PI * hour) / 24)];

  // A key that is hidden has the exponential 0. The weights are those of scores with the largest subtracted.
  function lookUp(hours, values, hour, temperature, allowed) {
    const query = onClock(hour);
    const products = hours.map((key) => sum(onClock(key).map((entry, i) => entry * query[i])));
    const scores = products.map((product) => product / temperature);
    const largest = Math.max(...scores.filter((_, j) => allowed[j]));
    const exponentials = scores.map((score, j) => (allowed[j] ? Math.exp(score) : 0));
    const shifted = scores.map((score, j) => (allowed[j] ? Math.exp(score - largest) : 0));
    const weights = shifted.map((share) => share / sum(shifted));
    const answer = sum(weights.map((weight, j) => weight * values[j]));
    return { products, scores, exponentials, weights, answer };
  }
  explore.arithmetic.lookUp = lookUp;

  const timeOf = (hour) => `${Math.floor(hour)}:${String(Math.round((hour % 1) * 60)).padStart(2, "0")}`;
  function large(number) {
    if (number < 1e4) return write(number, number < 100 ? 2 : 0);
    const [digits, power] = number.toExponential(0).split("e+");
    return tag("span", {}, `${digits}·10`, tag("sup", {}, power));
  }

  explore.define("look-up", (numbers) => {
    const { hours, values } = numbers;
    const start = { hour: numbers.query, temperature: numbers.temperature };
    let { hour, temperature } = start;
    let allowed = hours.map(() => true);
    const { root: told, say } = speaker();

    // The clock: entries as large as their weights, and a hand for the question.
    const clock = picture(200, 200, "A clock of 24 hours with the entries of the log. The hand points to the hour asked.", {
      class: "clock",
    });
    const place = (time, radius) => {
      const [right, up] = onClock(time);
      return [100 + radius * right, 100 - radius * up];
    };
    clock.append(shape("circle", { cx: 100, cy: 100, r: 60, class: "thin" }));
    for (const time of [0, 6, 12, 18]) {
      const [x, y] = place(time, 48);
      clock.append(shape("text", { x, y: y + 4, class: "soft" }, String(time)));
    }
    const discs = hours.map((time, j) => {
      const [[x, y], [a, b]] = [place(time, 60), place(time, 87)];
      clock.append(shape("text", { x: a, y: b + 4 }, `${values[j]}°`));
      return clock.appendChild(shape("circle", { cx: x, cy: y, fill: COLOURS[j], stroke: COLOURS[j], "stroke-width": 2 }));
    });
    const hand = clock.appendChild(shape("line", { x1: 100, y1: 100, class: "hand" }));
    const tip = clock.appendChild(shape("circle", { r: 5, class: "knob" }));

    // The answers of the whole day.
    const day = picture(320, 208, "", { class: "day" });
    const [low, high] = [Math.min(...values) - 1, Math.max(...values) + 1];
    const at = (time, degrees) => [30 + (time / 24) * 282, 172 - ((degrees - low) / (high - low)) * 160];
    for (const time of [0, 6, 12, 18, 24]) {
      const [x] = at(time, low);
      day.append(shape("path", { d: `M${x} 172V176`, class: "thin" }), shape("text", { x, y: 190 }, String(time)));
    }
    for (const degrees of new Set(values)) {
      const [x, y] = at(0, degrees);
      const mark = { d: `M${x} ${y}H312`, class: "faint-line" };
      day.append(shape("path", mark), shape("text", { x: 15, y: y + 4 }, `${degrees}°`));
    }
    day.append(shape("path", { d: "M30 12V172H312", class: "thin" }), shape("text", { x: 171, y: 204, class: "soft" }, "hour"));
    const dots = hours.map((time, j) => {
      const [cx, cy] = at(time, values[j]);
      return day.appendChild(shape("circle", { cx, cy, r: 5, fill: COLOURS[j], stroke: COLOURS[j], "stroke-width": 2 }));
    });
    const curve = day.appendChild(shape("path", { class: "curve" }));
    const now = day.appendChild(shape("path", { class: "hand" }));
    const found = day.appendChild(shape("circle", { r: 5, class: "knob" }));

    // The steps, as the drawing has them.
    const keys = hours.map((time, j) =>
      button(`${time} h`, () => hide(j), { "aria-pressed": "false", "aria-label": `${time} h, hide this key` }),
    );
    const rows = {};
    const table = tag("table", {}, tag("caption", { class: "heard" }, "The look-up, step by step"));
    const head = tag("tr", {}, tag("td", {}, "hide a key:"), ...keys.map((key) => tag("th", { scope: "col" }, key)));
    table.append(tag("thead", {}, head));
    const body = table.appendChild(tag("tbody"));
    for (const name of ["dot product", "score", "exponential", "weight", "value", "weight × value"]) {
      rows[name] = { head: tag("th", { scope: "row" }, name), cells: hours.map(() => tag("td")) };
      body.append(tag("tr", {}, rows[name].head, ...rows[name].cells));
    }
    const bars = rows.weight.cells.map((cell, j) => {
      const [bar, text] = [tag("i", { style: `background:${COLOURS[j]}` }), tag("span")];
      cell.className = "bar";
      cell.append(bar, text);
      return { bar, text };
    });
    const total = tag("td", { colspan: hours.length, class: "total" });
    body.append(tag("tr", {}, tag("th", { scope: "row" }, "answer: their sum"), total));
    rows.value.cells.forEach((cell, j) => (cell.textContent = `${values[j]}\u00a0°C`));

    function hide(j) {
      if (allowed[j] && sum(allowed) === 1) {
        say("One key must be left: weights of nothing have no sum.");
        return;
      }
      allowed[j] = !allowed[j];
      show();
    }

    function show() {
      const { products, scores, exponentials, weights, answer } = lookUp(hours, values, hour, temperature, allowed);
      rows.score.head.textContent = `score: ÷ ${temperature}`;
      hours.forEach((_, j) => {
        rows["dot product"].cells[j].textContent = write(products[j]);
        rows.score.cells[j].textContent = write(scores[j]);
        rows.exponential.cells[j].replaceChildren(allowed[j] ? large(exponentials[j]) : "0");
        bars[j].text.textContent = write(weights[j]);
        bars[j].bar.style.width = `${100 * weights[j]}%`;
        rows["weight × value"].cells[j].textContent = write(weights[j] * values[j]);
        keys[j].setAttribute("aria-pressed", String(!allowed[j]));
        discs[j].setAttribute("r", 3 + 11 * Math.sqrt(weights[j]));
        for (const mark of [discs[j], dots[j]]) mark.setAttribute("fill-opacity", allowed[j] ? 1 : 0);
      });
      total.textContent = `${write(answer)}\u00a0°C`;
      const [x, y] = place(hour, 54);
      for (const [mark, names] of [[hand, ["x2", "y2"]], [tip, ["cx", "cy"]]]) {
        mark.setAttribute(names[0], x);
        mark.setAttribute(names[1], y);
      }
      const times = Array.from({ length: 97 }, (_, i) => i / 4);
      const answers = times.map((time) => lookUp(hours, values, time, temperature, allowed).answer);
      curve.setAttribute("d", line(times.map((time, i) => at(time, answers[i]))));
      const [cx, cy] = at(hour, answer);
      now.setAttribute("d", `M${cx} 172V${cy}`);
      found.setAttribute("cx", cx);
      found.setAttribute("cy", cy);
      const ends = [Math.min(...answers), Math.max(...answers)].map((degrees) => write(degrees, 1));
      day.setAttribute("aria-label", `The answers of a whole day at temperature ${temperature}: ${ends[0]} to ${ends[1]} °C.`);
      const best = weights.indexOf(Math.max(...weights));
      say(
        `At ${timeOf(hour)}, temperature ${temperature}, the answer is ${write(answer, 2)} °C. ` +
          `The largest weight, ${write(weights[best])}, is that of ${hours[best]} o'clock.`,
      );
    }

    const index = (value) => TEMPERATURES.indexOf(value);
    const asked = slider("hour asked", { low: 0, high: 24, step: 0.25, at: hour, read: timeOf }, (value) => {
      hour = value;
      show();
    });
    const heat = { low: 0, high: TEMPERATURES.length - 1, at: index(temperature), read: (i) => String(TEMPERATURES[i]) };
    const warmth = slider("temperature τ", heat, (i) => {
      temperature = TEMPERATURES[i];
      show();
    });
    const turn = (time) => {
      hour = Math.min(24, Math.max(0, Math.round(time * 4) / 4));
      asked.set(hour);
      show();
    };
    follow(clock, (x, y) => turn(((Math.atan2(x - 100, 100 - y) / (2 * Math.PI)) * 24 + 24) % 24));
    follow(day, (x) => turn(((x - 30) / 282) * 24));
    const again = button("Start again", () => {
      ({ hour, temperature } = start);
      allowed = hours.map(() => true);
      asked.set(hour);
      warmth.set(index(temperature));
      show();
    });
    show();
    return [tag("div", { class: "beside" }, clock, day), tag("div", { class: "dials" }, asked.root, warmth.root), table, told, again];
  });
})();

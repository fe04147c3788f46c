// Chapter 3: a query and a key, turned to their places pair by pair; the score knows their distance alone.
"use strict";

(() => {
  const { COLOURS, tag, shape, picture, write, sum, line, slider, button, follow, speaker } = explore;
  const BASES = [1, 2, 5, 10, 20, 50, 100, 1000, 10000, 100000, 1000000];
  const FARTHEST = 60;

  const frequencies = (pairs, base) => Array.from({ length: pairs }, (_, i) => base ** (-i / pairs));

  // Pairs are neighbours: features 0 and 1, 2 and 3, …
  const rotate = (vector, place, base) =>
    frequencies(vector.length / 2, base).flatMap((frequency, i) => {
      const [cos, sin] = [Math.cos(place * frequency), Math.sin(place * frequency)];
      const [first, second] = [vector[2 * i], vector[2 * i + 1]];
      return [first * cos - second * sin, first * sin + second * cos];
    });

  // What each pair adds to the score of a query at t and a key at s.
  function rotaryTerms(query, key, t, s, base) {
    const [turned, met] = [rotate(query, t, base), rotate(key, s, base)];
    return frequencies(query.length / 2, base).map((_, i) => turned[2 * i] * met[2 * i] + turned[2 * i + 1] * met[2 * i + 1]);
  }
  Object.assign(explore.arithmetic, { rotate, rotaryTerms });

  explore.define("rotary", (numbers) => {
    const { query } = numbers;
    const pairs = query.length / 2;
    const start = { place: numbers.place, distance: numbers.distance, base: numbers.base };
    let { place, distance, base } = start;
    let key = numbers.key;
    const { root: told, say } = speaker();
    const score = (t, s) => sum(rotaryTerms(query, key, t, s, base));

    // A clock for each pair, with the query's arrow and the key's.
    const length = (vector, i) => Math.hypot(vector[2 * i], vector[2 * i + 1]);
    const vectors = [query, numbers.key];
    const longest = Math.max(...vectors.flatMap((vector) => frequencies(pairs, 1).map((_, i) => length(vector, i))));
    const clocks = tag("div", { class: "clocks" });
    const arrows = frequencies(pairs, 1).map((_, i) => {
      const clock = picture(110, 150, `Pair ${i + 1}: the arrows of query and key on a clock.`);
      clock.append(shape("circle", { cx: 55, cy: 55, r: 48, class: "thin" }));
      const drawn = [COLOURS[0], COLOURS[1]].map((colour) =>
        clock.appendChild(shape("path", { class: "arrow", stroke: colour, fill: colour })),
      );
      const texts = [123, 142].map((y) => clock.appendChild(shape("text", { x: 55, y })));
      clocks.append(clock);
      return { drawn, texts };
    });
    const pointer = (right, up) => {
      const size = (46 / longest) * Math.hypot(right, up);
      const angle = Math.atan2(up, right);
      const end = (radius, turn) => `${(55 + radius * Math.cos(angle + turn)).toFixed(1)} ${(55 - radius * Math.sin(angle + turn)).toFixed(1)}`;
      const side = Math.atan2(4, size - 8);
      const back = Math.hypot(4, size - 8);
      return `M55 55L${end(size, 0)}M${end(size, 0)}L${end(back, side)}L${end(back, -side)}Z`;
    };

    // The score at every distance.
    const graph = picture(440, 226, "", { class: "day wide" });
    const most = Math.max(...vectors.map((other) => sum(frequencies(pairs, 1).map((_, i) => length(query, i) * length(other, i)))));
    const at = (away, value) => [40 + ((away + FARTHEST) / (2 * FARTHEST)) * 380, 103 - (value / most) * 78];
    const [, middle] = at(0, 0);
    graph.append(shape("path", { d: `M40 23V181H420M40 ${middle}H420`, class: "thin" }));
    graph.append(shape("text", { x: 40, y: 14, class: "soft" }, "score"));
    graph.append(shape("text", { x: 230, y: 221, class: "soft" }, "distance of the key, in tokens"));
    for (const away of [-60, -40, -20, 0, 20, 40, 60]) {
      graph.append(shape("text", { x: at(away, 0)[0], y: 199 }, write(away, 0)));
    }
    for (const value of [-1, 0, 1]) {
      const height = Math.floor(most) * value;
      graph.append(shape("text", { x: 37, y: at(0, height)[1] + 4, class: "end" }, write(height, 0)));
    }
    const level = graph.appendChild(shape("path", { class: "level" }));
    const curve = graph.appendChild(shape("path", { class: "curve slight" }));
    const points = graph.appendChild(shape("path", { class: "points" }));
    const now = graph.appendChild(shape("circle", { r: 6, class: "knob" }));

    function show() {
      const [t, s] = [place, place + distance];
      const [turned, met] = [rotate(query, t, base), rotate(key, s, base)];
      const terms = rotaryTerms(query, key, t, s, base);
      const speeds = frequencies(pairs, base);
      arrows.forEach(({ drawn, texts }, i) => {
        drawn[0].setAttribute("d", pointer(turned[2 * i], turned[2 * i + 1]));
        drawn[1].setAttribute("d", pointer(met[2 * i], met[2 * i + 1]));
        texts[0].textContent = `${speeds[i] < 0.001 ? speeds[i].toPrecision(1) : Number(speeds[i].toFixed(3))} rad/token`;
        texts[1].textContent = `adds ${write(terms[i])}`;
      });
      const all = Array.from({ length: 2 * FARTHEST + 1 }, (_, i) => i - FARTHEST);
      const dots = all.map((away) => at(away, score(t, t + away)));
      curve.setAttribute("d", line(dots));
      points.setAttribute("d", dots.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join(""));
      const [x, y] = at(distance, sum(terms));
      level.setAttribute("d", `M40 ${y.toFixed(1)}H420`);
      now.setAttribute("cx", x);
      now.setAttribute("cy", y);
      graph.setAttribute("aria-label", `The score at each distance from −60 to 60, with base ${base}. Distance 0 has ${write(score(t, t), 3)}.`);
      const added = terms.map((term, i) => (i ? `${term < 0 ? "−" : "+"}\u00a0${write(Math.abs(term))}` : write(term))).join(" ");
      say(`Query at place ${t}, key at place ${s}, distance ${write(distance, 0)}. The pairs add ${added}: the score is ${write(sum(terms), 3)}.`);
    }

    const change = (set) => (value) => {
      set(value);
      show();
    };
    const dials = [
      slider(
        "place of the query",
        { low: FARTHEST, high: 1000, at: place, read: String },
        change((value) => (place = value)),
      ),
      slider(
        "distance of the key",
        { low: -FARTHEST, high: FARTHEST, at: distance, read: (value) => write(value, 0) },
        change((value) => (distance = value)),
      ),
      slider(
        "base",
        { low: 0, high: BASES.length - 1, at: BASES.indexOf(base), read: (i) => BASES[i].toLocaleString("en-GB") },
        change((i) => (base = BASES[i])),
      ),
    ];
    follow(graph, (x) => {
      distance = Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(((x - 40) / 380) * 2 * FARTHEST) - FARTHEST));
      dials[1].set(distance);
      show();
    });
    const alike = button("key like query", () => choose(key !== query), { "aria-pressed": "false" });
    const choose = (like) => {
      key = like ? query : numbers.key;
      alike.setAttribute("aria-pressed", String(like));
      show();
    };
    const again = button("Start again", () => {
      ({ place, distance, base } = start);
      [place, distance, BASES.indexOf(base)].forEach((value, i) => dials[i].set(value));
      choose(false);
    });
    const mark = (colour, words) => tag("span", {}, tag("i", { class: "swatch", style: `background:${colour}` }), words);
    const legend = tag("p", { class: "legend" }, mark(COLOURS[0], "query"), " ", mark(COLOURS[1], "key"), alike);
    show();
    return [legend, clocks, tag("div", { class: "dials" }, ...dials.map((dial) => dial.root)), graph, told, again];
  });
})();

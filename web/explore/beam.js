// Chapter 5: a beam search, step by step, over the beginnings that the chapter's search followed.
"use strict";

(() => {
  const { COLOURS, tag, write, slider, button, speaker } = explore;

  // continuations: {beginning: [[token, probability], …]}, best first, at least `width` for each beginning followed.
  // Returns the steps: what could be kept, best first, each {text, from, token, total, length, kept, ended, score}.
  function beamSearch(continuations, width, penalty, end, longest) {
    const divisor = (length) => ((5 + length) / 6) ** penalty;
    let followed = [{ text: "", total: 0, length: 0 }];
    let [room, best] = [width, -Infinity];
    const steps = [];
    while (followed.length && steps.length < longest) {
      const candidates = followed.flatMap((from) =>
        continuations[from.text].map(([token, probability]) => {
          const [total, length] = [from.total + Math.log(probability), from.length + 1];
          const text = from.text ? `${from.text} ${token}` : token;
          return { text, from, token, total, length, ended: token === end, score: total / divisor(length) };
        }),
      );
      candidates.sort((a, b) => b.total - a.total);
      candidates.forEach((candidate, at) => (candidate.kept = at < room));
      steps.push(candidates);
      const kept = candidates.filter((candidate) => candidate.kept);
      for (const { score } of kept.filter((candidate) => candidate.ended)) {
        best = Math.max(best, score);
        room -= 1;
      }
      followed = kept.filter((candidate) => !candidate.ended);
      if (followed.length && followed[0].total / divisor(longest) <= best) followed = [];
    }
    return steps;
  }
  explore.arithmetic.beamSearch = beamSearch;

  const SHOWN = 6; // candidates of a step

  explore.define("beam", (numbers) => {
    const { continuations, penalty, end, longest, widest } = numbers;
    let [width, now] = [numbers.width, 0];
    let steps = [];
    const { root: told, say } = speaker();
    const token = (text) => tag("span", { lang: numbers.language }, text);
    const list = tag("ol", { class: "tree", "aria-label": "What was kept so far" });
    const rows = tag("tbody");
    const caption = tag("caption");
    const headings = ["continued by", "probability of the text", "kept?"].map((text) => tag("th", { scope: "col" }, text));
    const table = tag("table", { class: "candidates" }, caption, tag("thead", {}, tag("tr", {}, ...headings)), rows);

    const chance = (candidate) => Math.exp(candidate.total);
    const winner = () => {
      const ended = steps.flat().filter((candidate) => candidate.kept && candidate.ended);
      return ended.reduce((best, other) => (best && best.score >= other.score ? best : other), null);
    };

    function showTree() {
      const kept = steps.slice(0, now).map((step) => step.filter((candidate) => candidate.kept));
      const [over, won] = [now === steps.length, winner()];
      const alive = new Set(now ? kept[now - 1].filter((candidate) => !candidate.ended) : []);
      const entries = [];
      const grow = (parent, depth) => {
        for (const node of (kept[depth] ?? []).filter((candidate) => (candidate.from.text || "") === parent)) {
          const parts = [token(node.token), tag("span", { class: "p" }, write(chance(node)))];
          let [kind, words] = ["", ""];
          if (node.ended) [kind, words] = over && node === won ? ["won", `wins, score ${write(node.score)}`] : ["ended", `ended, score ${write(node.score)}`];
          else if (alive.has(node) && !over) [kind, words] = ["alive", "followed"];
          else if (!(kept[depth + 1] ?? []).some((next) => next.from === node)) [kind, words] = ["gone", "given up"];
          if (words) parts.push(tag("span", { class: "state" }, words));
          entries.push(tag("li", { class: kind, style: `--depth:${depth}` }, ...parts));
          grow(node.text, depth + 1);
        }
      };
      grow("", 0);
      list.replaceChildren(tag("li", { style: "--depth:0" }, tag("span", {}, "[start]"), tag("span", { class: "p" }, "1.00")), ...entries);
    }

    function showCandidates() {
      const step = steps[Math.max(0, now - 1)];
      caption.textContent = now ? `Step ${now}: the best ways to go on` : "Step 1 will choose among these";
      rows.replaceChildren(
        ...step.slice(0, SHOWN).map((candidate) => {
          const bar = tag("i", { style: `width:${100 * chance(candidate)}%;background:${COLOURS[candidate.kept && now ? 2 : 4]}` });
          const text = tag("span", {}, write(chance(candidate), 3));
          const before = candidate.from.text ? [token(candidate.from.text), " + "] : [];
          const row = tag("tr", { class: candidate.kept && now ? "kept" : "" }, tag("th", { scope: "row" }, ...before, tag("b", {}, token(candidate.token))));
          row.append(tag("td", { class: "bar" }, bar, text), tag("td", {}, now ? (candidate.kept ? (candidate.ended ? "set aside" : "kept") : "dropped") : ""));
          return row;
        }),
      );
    }

    function show() {
      showTree();
      showCandidates();
      next.setAttribute("aria-disabled", String(now === steps.length)); // disabled, it would lose the focus
      back.setAttribute("aria-disabled", String(now === 0));
      if (!now) return say(`A beam of ${width}. Take the first step.`);
      const kept = steps[now - 1].filter((candidate) => candidate.kept);
      const names = kept.map((candidate) => `${candidate.text} (${write(chance(candidate))})`).join(", ");
      const last = now === steps.length ? ` The search is over: “${winner().text.replace(` ${end}`, "")}” wins.` : "";
      return say(`Step ${now} of a beam of ${width} keeps ${names}.${last}`);
    }
    const go = (to) => {
      now = Math.max(0, Math.min(steps.length, to));
      show();
    };
    const search = (wide) => {
      const over = now === steps.length; // then the new search is shown to its end, too
      width = wide;
      steps = beamSearch(continuations, width, penalty, end, longest);
      now = over ? steps.length : Math.min(now, steps.length);
      show();
    };
    const back = button("← Back", () => go(now - 1));
    const next = button("Next step →", () => go(now + 1));
    const again = button("From the start", () => go(0));
    const wide = slider("width of the beam", { low: 1, high: widest, at: width, read: String }, search);
    search(width);
    const hands = tag("div", { class: "hands" }, back, next, again);
    hands.addEventListener("keydown", ({ key }) => {
      if (key === "ArrowRight") go(now + 1);
      if (key === "ArrowLeft") go(now - 1);
    });
    return [wide.root, hands, told, tag("div", { class: "search" }, list, table)];
  });
})();

// Run in a built page; returns what tests/site/test_browser.py asserts. Contrast follows WCAG 2.2, 1.4.3 (AA).
() => {
  // What is laid out late, when it comes near: now, so that all of the page is measured in the window as it is.
  const late = [...document.querySelectorAll("article *")].filter((e) => {
    const style = getComputedStyle(e);
    return style.contentVisibility === "auto" && style.overflowX === "visible";
  });
  const everything = document.createElement("style");
  everything.textContent = "* { content-visibility: visible !important }";
  document.head.append(everything);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = (colour) => {
    const linear = colour.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const background = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const contrast = (element) => {
    const below = background(element);
    const [a, b] = [luminance(over(rgba(getComputedStyle(element).color), below)), luminance(below)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const faint = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script, style, noscript, .headerlink, .katex")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(element);
    if (ratio < (large ? 3 : 4.5)) {
      faint.add(`${walker.currentNode.data.trim().slice(0, 30)} (${element.tagName} ${element.className}): ${ratio.toFixed(2)}`);
    }
  }
  const formulas = [...document.querySelectorAll(".math")];
  // Typeset is what has glyphs to see and, hidden, MathML to be read aloud; without its styles both would show.
  const isSet = (formula) => {
    const [glyphs, spoken] = [formula.querySelector(".katex-html"), formula.querySelector(".katex-mathml")];
    return glyphs?.textContent && spoken?.querySelector("math") && getComputedStyle(spoken).position === "absolute";
  };
  const root = document.documentElement;
  const spill = [...document.body.querySelectorAll("*")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width && box.right > root.clientWidth + 1 && e.checkVisibility();
  });
  const free = (box) => document.querySelector("article").getBoundingClientRect().right - box.getBoundingClientRect().right;
  const cut = [...document.querySelectorAll("article pre")].filter(
    (box) => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1 && free(box) > 64, // more than what boxes within boxes leave free
  );
  const clipped = late.filter((e) => e.scrollWidth > e.clientWidth + 16); // overflow-clip-margin
  const found = {
    clipped: clipped.map((e) => `"${e.textContent.trim().slice(0, 40)}"`),
    cut: cut.map((box) => `${Math.round(free(box))} px beside "${box.textContent.trim().slice(0, 40)}"`),
    formulas: formulas.length,
    displayed: document.querySelectorAll("article div.math").length,
    typeset: formulas.filter(isSet).length,
    errors: [...document.querySelectorAll(".katex-error, merror")].map((e) => e.title || e.textContent),
    fonts: [...document.fonts].filter((f) => f.status === "error").map((f) => `${f.family} ${f.weight} ${f.style}`),
    mathScripts: [...document.scripts].map((s) => s.src).filter((src) => /mathjax|katex/i.test(src)),
    overflow: root.scrollWidth - root.clientWidth,
    spill: root.scrollWidth > root.clientWidth ? spill.slice(0, 3).map((e) => `${e.tagName} ${e.className}`) : [],
    broken: [...document.images].filter((i) => i.complete && !i.naturalWidth).map((i) => i.src),
    background: luminance(background(document.querySelector("main article, article, body"))),
    faint: [...faint],
  };
  everything.remove();
  return found;
}

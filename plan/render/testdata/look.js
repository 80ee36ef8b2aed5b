// Says of the page that is open what plan/render/browser_test.go asks for.
(() => {
  const out = { Width: document.documentElement.scrollWidth, Inner: window.innerWidth, Wide: [], Headings: [], Faint: [], Outside: [], Texts: 0, Hidden: 0, Lang: document.documentElement.lang, Title: document.title };
  const name = (e) => e.tagName + "." + (e.getAttribute("class") || "") + ": " + e.textContent.trim().slice(0, 40);
  const scrolls = (e) => { for (; e; e = e.parentElement) if (["auto", "scroll"].includes(getComputedStyle(e).overflowX)) return true; return false; };
  for (const e of document.body.querySelectorAll("*")) {
    if (e.getBoundingClientRect().right > window.innerWidth + 1 && !scrolls(e)) out.Wide.push(name(e));
    if (/^H[1-6]$/.test(e.tagName)) out.Headings.push(+e.tagName[1]);
  }

  const rgba = (s) => { const n = s.match(/[\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const behind = (e) => {
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [20, 23, 27] : [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = texts.nextNode()); ) {
    const e = n.parentElement;
    if (!n.data.trim() || e.closest("script, style, title, desc")) continue;
    out.Texts++;
    const style = getComputedStyle(e);
    let fore = rgba(style.color), back = behind(e);
    if (e instanceof SVGTextElement) {
      fore = rgba(style.fill);
      const t = e.getBBox();
      const box = [...e.ownerSVGElement.querySelectorAll("rect")].find((r) => { const b = r.getBBox(); const y = t.y + t.height / 2; return y > b.y && y < b.y + b.height && t.x >= b.x && t.x < b.x + b.width; });
      const free = ["band", "mark"].includes(e.getAttribute("class")) || e.textContent.startsWith("and ");
      if (box) {
        back = rgba(getComputedStyle(box).fill);
        const b = box.getBBox();
        if (t.x + t.width > b.x + b.width || t.y + t.height > b.y + b.height + 1) out.Outside.push(name(e));
      } else if (!free) out.Outside.push(name(e));
      if (t.x < -2 || t.x + t.width > 362) out.Outside.push(name(e));
    }
    if (ratio(fore, back) < 4.5) out.Faint.push(ratio(fore, back).toFixed(1) + " " + name(e));
  }
  for (const p of document.querySelectorAll("details pre")) if (!p.checkVisibility({ contentVisibilityAuto: true }) || p.getBoundingClientRect().height < 10) out.Hidden++;
  return out;
})();

"""What tests in Chromium share."""

from __future__ import annotations

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
READABLE = 4.5  # WCAG 2.2, 1.4.3
LOWEST_CONTRAST = """() => {
  const shine = c => { const v = c.map(x => { x /= 255; return x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4 });
                       return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const behind = node => { for (let n = node; n; n = n.parentElement) {
      const c = numbers(getComputedStyle(n).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3); }
      return [255, 255, 255]; };
  let lowest = [99, ''];
  for (const node of document.querySelectorAll('body *:not(svg):not(svg *)')) {
    if (![...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [shine(numbers(getComputedStyle(node).color).slice(0, 3)), shine(behind(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < lowest[0]) lowest = [ratio, node.outerHTML.slice(0, 120)];
  }
  return lowest; }"""

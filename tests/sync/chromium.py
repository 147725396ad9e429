"""What tests in Chromium share."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python  # type: ignore[import-untyped] # a package of one file of JavaScript
from playwright.sync_api import Page

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

WIDTHS = (1440, 1200, 800, 390)
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
BARRIERS = """async () => (await axe.run(document, {iframes: false})).violations.map(found =>
  found.id + ': ' + found.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | '))"""
OVERLAPS = """() => {
  const seen = node => { const style = getComputedStyle(node); const box = node.getBoundingClientRect();
    return style.visibility !== 'hidden' && style.clipPath === 'none' && box.width > 1 && box.height > 1 };
  const leaves = [...document.querySelectorAll('body *:not(option):not(svg):not(svg *)')].filter(node =>
    [...node.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && seen(node)
    && !node.closest('details:not([open]) > :not(summary)')
    && ![...(function* () { for (let n = node; n; n = n.parentElement) yield n })()].some(n => n.matches('thead') &&
      getComputedStyle(n).position === 'absolute' || n !== document.documentElement && n !== document.body &&
      (n.scrollWidth > n.clientWidth + 1 || n.scrollHeight > n.clientHeight + 1)
      && getComputedStyle(n).overflowX !== 'visible'));
  const texts = leaves.map(node => { const range = document.createRange(); range.selectNodeContents(node);
    return [node, [...range.getClientRects()]] });
  const found = [];
  for (let i = 0; i < texts.length && found.length < 3; i++)
   for (let j = i + 1; j < Math.min(i + 40, texts.length); j++) {
    const [a, ra] = texts[i], [b, rb] = texts[j];
    if (a.contains(b) || b.contains(a)) continue;
    if (ra.some(x => rb.some(y => Math.min(x.right, y.right) - Math.max(x.left, y.left) > 3
        && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 6)))
      { found.push(a.outerHTML.slice(0, 90) + ' over ' + b.outerHTML.slice(0, 90)); break }
  }
  return found; }"""
LAYOUT = """() => { const wide = document.documentElement.clientWidth; const round = x => 5 * Math.round(20 * x / wide);
  return [...document.querySelectorAll('main > *, main > .arrived > *')]
    .filter(n => n.offsetWidth && n.tagName !== 'STYLE')
    .map(n => { const box = n.getBoundingClientRect();
      const inside = [...new Set([...n.children].map(c => round(c.getBoundingClientRect().left)))].length;
      const name = [n.tagName.toLowerCase(), String(n.className).split(' ')[0]];
      return [...name, round(box.left), round(box.width), inside].join(' ') }) }"""


def barriers(page: Page) -> list[str]:
    """Return what axe-core finds in a page as it is shown, and texts that lie over each other."""
    page.evaluate(f"{AXE};0")
    found: list[str] = [*page.evaluate(BARRIERS), *page.evaluate(OVERLAPS)]
    return found

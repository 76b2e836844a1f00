"""Style and script of the page of an evaluation."""

STYLE = """
:root { color-scheme: light; --ink: #1a1a1a; --quiet: #5a5f66; --paper: #fff; --line: #dcdfe3;
        --soft: #f4f5f7; --accent: #0b5cad; --bad: #9c2a1d; --bad-soft: #fbebe8; --good: #1d6647; }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --ink: #e6e7e9; --quiet: #a5abb3; --paper: #141414; --line: #383b40;
          --soft: #202226; --accent: #84bdf8; --bad: #ff9d8a; --bad-soft: #33201d;
          --good: #7fd6ab; }
  .chart.lines img { filter: invert(.922) hue-rotate(180deg); }
  .chart.colors img { filter: brightness(.88); } }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.5rem; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 0 auto;
       padding: 1rem 1rem 3rem; color: var(--ink); background: var(--paper); }
h1, h2, h3 { line-height: 1.25; }
h1 { font-size: 1.75rem; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; padding-top: .75rem;
     border-top: 1px solid var(--line); }
section:first-child h2 { border: 0; margin-top: .5rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p, ul, summary { max-width: 46rem; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
.quiet { color: var(--quiet); font-size: .875rem; }
nav { position: sticky; top: 0; z-index: 2; display: flex; gap: 1.1rem; overflow-x: auto;
      background: var(--paper); border-bottom: 1px solid var(--line); padding: .7rem 0;
      white-space: nowrap; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem;
         margin: 1rem 0; }
.cards div { background: var(--soft); border-radius: 8px; padding: .6rem .8rem; }
.cards dt { color: var(--quiet); font-size: .8125rem; }
.cards dd { margin: 0; font-size: 1.2rem; font-weight: 600; overflow-wrap: anywhere; }
.cards dd small { display: block; font-size: .8125rem; font-weight: 400; color: var(--quiet); }
.checks { list-style: none; padding: 0; margin: .5rem 0; max-width: none; }
.checks li { display: grid; grid-template-columns: 5rem 7.5rem 1fr; gap: 0 .6rem;
             padding: .5rem .7rem; border-bottom: 1px solid var(--line); }
.checks .fires { background: var(--bad-soft); border-left: 4px solid var(--bad);
                 border-radius: 4px; margin-bottom: .4rem; border-bottom: 0; }
.checks .said { grid-column: 3; }
.checks b.fires, .checks .fires b { color: var(--bad); }
.checks .passes b { color: var(--good); }
.checks b { font-weight: 600; }
.checks .what::first-letter { text-transform: uppercase; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: right;
         vertical-align: top; white-space: nowrap; }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--line); }
tbody tr:hover > * { background: var(--soft); }
th:first-child { position: sticky; left: 0; background: var(--paper); text-align: left;
                 padding-left: 0; }
td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
th button { font: inherit; font-weight: 600; color: inherit; background: none; border: 0;
            padding: .2rem 0; cursor: pointer; text-align: inherit; white-space: nowrap; }
th button::after { content: " \\2195"; opacity: .45; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
figure { margin: 1rem 0; }
.chart { overflow-x: auto; }
.chart img { display: block; height: auto; max-width: max(100%, 28rem); background: #fff; }
.chart.wide img { max-width: max(100%, 46rem); }
details { margin: .5rem 0; }
summary { cursor: pointer; padding: .2rem 0; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft);
      border-radius: 6px; padding: .7rem; font-size: .8125rem; }
.films { display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr));
         gap: .8rem; }
.films figure { margin: 0; background: var(--soft); border-radius: 6px; overflow: hidden; }
.films img { width: 100%; aspect-ratio: 1; object-fit: contain; display: block;
             background: #000; }
.films .alone { display: none; }
.films figure:hover .alone, .films figure:focus .alone { display: block; }
.films figure:hover .over, .films figure:focus .over { display: none; }
figcaption { font-size: .8125rem; line-height: 1.4; padding: .4rem .5rem .5rem; }
figcaption b { display: block; overflow-wrap: anywhere; }
.ramp { display: inline-block; width: 5rem; height: .7rem; border-radius: 3px;
        background: linear-gradient(90deg, #000004, #57106e, #bc3754, #f98e09, #fcffa4); }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .6rem; }
@media (max-width: 40rem) {
  .checks li { grid-template-columns: 5rem 1fr; }
  .checks .what, .checks .said { grid-column: 1 / -1; }
  .films { grid-template-columns: repeat(2, 1fr); } }
@media print {
  nav, .skip, th button::after { display: none; }
  html { font-size: 10.5px; } body { font-size: 1rem; max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; } figure, tr, li { break-inside: avoid; }
  .scroll, .chart { overflow: visible; }
  .chart img, .chart.wide img { max-width: 100%; }
  table { font-size: 8.5px; } th, td { padding: .15rem .3rem; white-space: normal; }
  th:first-child { position: static; }
  .films { grid-template-columns: repeat(5, 1fr); gap: .4rem; }
  .checks .fires { border: 1px solid; border-left-width: 4px; } }
"""

# A column is sorted by its numbers where every filled cell begins with one, else by its text.
SCRIPT = """
document.querySelectorAll("table.sorts th button").forEach(function (button) {
  button.addEventListener("click", function () {
    var th = button.parentNode, row = th.parentNode, table = row.closest("table");
    var at = Array.prototype.indexOf.call(row.children, th);
    var up = th.getAttribute("aria-sort") === "descending";
    Array.prototype.forEach.call(row.children, function (other) {
      other.removeAttribute("aria-sort");
    });
    th.setAttribute("aria-sort", up ? "ascending" : "descending");
    var body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows);
    function text(r) { return r.cells[at].textContent.trim(); }
    var filled = rows.map(text).filter(function (t) { return t && t !== "\\u2013"; });
    var numbers = filled.every(function (t) { return !isNaN(parseFloat(t.replace(/,/g, ""))); });
    function key(r) {
      var t = text(r);
      if (!numbers) { return t.toLowerCase(); }
      var v = parseFloat(t.replace(/,/g, ""));
      return isNaN(v) ? null : v;
    }
    rows.sort(function (a, b) {
      var x = key(a), y = key(b);
      if (x === null || y === null) { return (x === null) - (y === null); }
      return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
    });
    rows.forEach(function (r) { body.appendChild(r); });
  });
});
"""

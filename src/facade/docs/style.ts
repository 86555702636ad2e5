/** The whole look of /docs. System fonts, no images: the page asks for nothing from anywhere. */
export const style = `
:root {
  color-scheme: light dark;
  --bg: #ffffff; --panel: #f6f7f9; --line: #e2e5ea; --text: #1b1f27; --soft: #566072; --accent: #0b5cad;
  --get: #0a6b4b; --post: #0b5cad; --delete: #a8281c; --badge: #ffffff; --mark: #fff4d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --bg: #10141b; --panel: #181e28; --line: #2b3442; --text: #e6eaf1; --soft: #a3afc2; --accent: #7db8ff;
    --get: #5fd0a3; --post: #7db8ff; --delete: #ff9488; --badge: #10141b; --mark: #33290d;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1.5rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--bg); color: var(--text);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  display: grid; grid-template-columns: 17rem minmax(0, 1fr);
}
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -100rem; background: var(--bg); padding: .5rem 1rem; z-index: 1; }
.skip:focus { left: 1rem; top: 1rem; }
nav {
  position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 2rem 1.25rem;
  background: var(--panel); border-right: 1px solid var(--line); font-size: .9rem;
}
nav .brand { display: flex; align-items: center; gap: .6rem; font-size: 1.15rem; font-weight: 650; color: inherit; text-decoration: none; }
nav .brand svg { width: 1.6rem; height: 1.6rem; }
nav .version { color: var(--soft); margin: .15rem 0 1.5rem 2.2rem; font-size: .8rem; }
nav h2 { font-size: .75rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); margin: 1.5rem 0 .4rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: flex; gap: .5rem; align-items: baseline; padding: .3rem .5rem; margin: 0 -.5rem; color: inherit; text-decoration: none; border-radius: 6px; }
nav li a:hover { background: var(--line); }
nav .verb { min-width: 3.4rem; }
main { padding: 3rem clamp(1.25rem, 5vw, 4rem) 6rem; max-width: 62rem; }
h1 { font-size: 2.1rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.02em; }
.lead { font-size: 1.15rem; color: var(--soft); margin: 0 0 1.5rem; }
h2 { font-size: 1.45rem; margin: 3.2rem 0 .6rem; letter-spacing: -.01em; }
h3 { font-size: 1.2rem; margin: 0; }
h4 { font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 1.6rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
code, pre, .path, .verb { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
:not(pre) > code { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: .05em .3em; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .9rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; line-height: 1.5; }
pre code { font-size: .82rem; }
.operation { border: 1px solid var(--line); border-radius: 12px; padding: 1.4rem 1.5rem; margin: 1.25rem 0; }
.endpoint { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; margin: .5rem 0 .8rem; }
.path { font-size: .95rem; overflow-wrap: anywhere; }
.verb { font-weight: 700; font-size: .75rem; }
.verb.get { color: var(--get); } .verb.post { color: var(--post); } .verb.delete { color: var(--delete); }
.endpoint .verb { color: var(--badge); border-radius: 5px; padding: .15rem .5rem; }
.endpoint .get { background: var(--get); } .endpoint .post { background: var(--post); } .endpoint .delete { background: var(--delete); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; min-width: 34rem; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .55rem .8rem; border-top: 1px solid var(--line); }
thead th { background: var(--panel); border-top: 0; font-size: .8rem; color: var(--soft); font-weight: 600; }
tbody th { font-weight: 600; white-space: nowrap; }
td p { margin: 0 0 .35rem; } td p:last-child { margin: 0; }
.type { color: var(--soft); white-space: nowrap; }
.required { color: var(--delete); font-size: .78rem; font-weight: 600; }
.rules { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
details { margin: .6rem 0; } summary { cursor: pointer; color: var(--accent); }
footer { margin-top: 4rem; color: var(--soft); font-size: .9rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 56rem) {
  body { grid-template-columns: minmax(0, 1fr); }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); padding: 1.25rem; }
  main { padding-top: 2rem; }
}
@media print { nav { display: none; } body { display: block; } .operation { break-inside: avoid; } }
`;

// The one style sheet of the pages below /docs, for wide and narrow screens, dark and light ones, and paper.

export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #14171b);
  --raised: light-dark(#f4f5f7, #1d2127);
  --line: light-dark(#dcdfe4, #343a43);
  --ink: light-dark(#1c2024, #e4e7eb);
  --quiet: light-dark(#59626d, #a0a9b4);
  --link: light-dark(#0b57b0, #7db4f5);
  --get: light-dark(#0b6b3a, #6fd19b);
  --post: light-dark(#0b57b0, #7db4f5);
  --put: light-dark(#8a5300, #e3b15c);
  --delete: light-dark(#b3261e, #f2958e);
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
a { color: var(--link); text-underline-offset: 0.15em; text-decoration-thickness: 1px; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px; }
code, pre, .method, .path { font-family: var(--mono); font-size: 0.875em; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--ground); padding: 0.25rem 0.5rem; z-index: 2; }

header {
  position: sticky; top: 0; z-index: 1; display: flex; gap: 1.5rem; align-items: baseline; padding: 0.75rem 1.5rem;
  background: var(--ground); border-bottom: 1px solid var(--line);
}
header .name { font-weight: 700; color: var(--ink); text-decoration: none; }
header nav { display: flex; gap: 1.25rem; }
header nav a { text-decoration: none; }

.frame { display: grid; grid-template-columns: 19rem minmax(0, 1fr); }
.contents {
  position: sticky; top: 3.1rem; align-self: start; height: calc(100vh - 3.1rem); overflow-y: auto;
  padding: 1rem 1rem 3rem 1.5rem; border-right: 1px solid var(--line); font-size: 0.8125rem;
}
.contents p { margin: 1rem 0 0.25rem; font-weight: 600; }
.contents p a { color: var(--ink); text-decoration: none; }
.contents ul { list-style: none; margin: 0; padding: 0; }
.contents li { padding: 0.15rem 0; }
.contents li a { display: block; color: var(--quiet); text-decoration: none; overflow-wrap: anywhere; }
.contents li a:hover { color: var(--link); }
.contents [aria-current] { color: var(--ink); font-weight: 700; }

main { padding: 1.5rem 2.5rem 6rem; max-width: 62rem; min-width: 0; }
main p, main li { max-width: 46rem; overflow-wrap: break-word; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: 0.5rem 0 1rem; overflow-wrap: anywhere; }
h1 code { font-size: 0.9em; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.75rem 0 0.75rem; }
h3 { font-size: 1.0625rem; line-height: 1.4; margin: 0 0 0.5rem; overflow-wrap: anywhere; }
article, .shape { padding: 1.5rem 0; border-top: 1px solid var(--line); }
h3 .anchor { color: inherit; text-decoration: none; }
h3 .anchor:hover .path { text-decoration: underline; }
:target > h3 .path, .shape:target > h3 { background: light-dark(#fff3c4, #4a3f12); }
.lead { font-size: 1.125rem; }
.quiet, .rights { color: var(--quiet); }
.rights { font-size: 0.875rem; margin-top: -0.5rem; }

.method { font-weight: 700; }
.get { color: var(--get); }
.post { color: var(--post); }
.put, .patch { color: var(--put); }
.delete { color: var(--delete); }
.status {
  font-family: var(--mono); font-size: 0.8125rem; padding: 0.1rem 0.4rem; border: 1px solid var(--line); border-radius: 4px;
  background: var(--raised);
}

pre {
  margin: 0.75rem 0; padding: 0.75rem 1rem; overflow-x: auto; background: var(--raised); border: 1px solid var(--line);
  border-radius: 6px; line-height: 1.45; max-height: 32rem; white-space: pre-wrap; overflow-wrap: anywhere;
}
pre code { font-size: 0.8125rem; }
:not(pre) > code { overflow-wrap: anywhere; }
p > code, li > code, td > code { background: var(--raised); padding: 0.05rem 0.25rem; border-radius: 3px; }

.wide { overflow-x: auto; margin: 0.75rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 1rem 0.4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--quiet); font-size: 0.8125rem; }
.fields th { width: 11rem; }
.fields .kind { width: 15rem; color: var(--quiet); font-size: 0.875rem; }
.codes tr > :first-child { width: 19rem; }
.codes tr > :nth-child(2), .codes tr > :last-child { width: 4.5rem; }
.needed { color: var(--quiet); font-size: 0.75rem; font-weight: 400; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; color: var(--quiet); font-size: 0.875rem; }
.routes { padding-left: 1.25rem; }
.routes a { text-decoration: none; }

@media (max-width: 60rem) {
  .frame { display: block; }
  .contents { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); padding: 0.75rem 1rem; }
  .contents ul { display: none; }
  .contents p { display: inline-block; margin: 0.15rem 1rem 0.15rem 0; font-size: 0.9375rem; font-weight: 400; }
  .contents p a { color: var(--link); }
  header { padding: 0.6rem 1rem; gap: 1rem; }
  header nav { gap: 1rem; }
  main { padding: 1rem 1rem 4rem; }
  h1 { font-size: 1.4rem; }
}
@media (max-width: 40rem) {
  .fields, .fields tr, .fields th, .fields td { display: block; width: auto; }
  .fields tr { padding: 0.5rem 0; border-bottom: 1px solid var(--line); }
  .fields th, .fields td { border: 0; padding: 0.1rem 0; }
  .fields .kind { width: auto; }
  .codes { font-size: 0.875rem; }
  .codes tr > :first-child { width: auto; }
  .codes th, .codes td { padding-right: 0.6rem; }
}
@media print {
  header, .contents, .skip { display: none; }
  .frame { display: block; }
  pre { max-height: none; }
}
`

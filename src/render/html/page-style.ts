/** The page's style sheet. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1d2126; --dim: #5d6670; --line: #d8dde3; --soft: #f3f5f7;
  --go: #00608a; --c: #8a3d00; --bad: #a3142a; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e3e6e9; --dim: #98a2ad; --line: #343a41;
  --soft: #1d2126; --go: #6cc5ec; --c: #f0a868; --bad: #ff8a98; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--back); color: var(--text);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0.2rem 0 0.8rem; overflow-wrap: anywhere; }
.bad { color: var(--bad); }
h2 { font-size: 1.05rem; margin: 1.6rem 0 0.5rem; border-bottom: 1px solid var(--line); }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: 0.15rem 0.8rem; margin: 0; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
pre, code, input, select, button { font: 13px/1.45 ui-monospace, monospace; }
pre { margin: 0; padding: 0.6rem; overflow-x: auto; background: var(--soft); border-radius: 4px; tab-size: 4; }
.go { color: var(--go); } .c { color: var(--c); } .header { color: var(--bad); font-weight: bold; }
.goroutine { font-weight: bold; } .location, .note, .source { color: var(--dim); }
.current { color: var(--text); font-weight: bold; }
details { border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 2rem; }
summary { cursor: pointer; padding: 0.25rem 0; overflow-wrap: anywhere; }
summary:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible { outline: 2px solid var(--go); }
.ids { color: var(--dim); padding: 0.2rem 0.6rem; overflow-wrap: anywhere; }
#filters { display: flex; flex-wrap: wrap; gap: 0.5rem; margin: 0.5rem 0; position: sticky; top: 0; padding: 0.4rem 0;
  background: var(--back); }
#filters input { flex: 1 1 14rem; min-width: 8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { text-align: left; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
svg { max-width: 100%; min-width: 46rem; height: auto; display: block; margin: 0.4rem 0; }
svg rect { fill: var(--soft); stroke: var(--line); } svg text { fill: var(--text); font: 12px ui-monospace, monospace; }
svg path { stroke: var(--dim); fill: none; } svg .head { fill: var(--dim); stroke: none; }
[hidden] { display: none; }
@media (max-width: 40rem) { body { padding: 0.6rem; } dl { grid-template-columns: 5rem 1fr; }
  #filters { position: static; } }
`

/** Looks of the page: Okabe and Ito's colours, a dash for each line, light and dark by the reader's own wish. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#5b6572;--paper:#fff;--card:#f6f8fa;--rule:#d8dee4;
--c0:#0072b2;--c1:#b87700;--c2:#007a5a;--c3:#a8447b;--c4:#3a8fc2;--c5:#c24e00}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa5b1;--paper:#0d1117;--card:#161b22;--rule:#30363d;
--c0:#56b4e9;--c1:#e69f00;--c2:#2fc79a;--c3:#e08cb8;--c4:#8ecbf0;--c5:#f08a4b}}
*{box-sizing:border-box}
body{margin:0;padding:24px 16px 48px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:36px 0 4px;border-top:1px solid var(--rule);padding-top:14px}
h3{font-size:14px;margin:16px 0 0}
p{margin:4px 0 10px;color:var(--dim);max-width:75ch}
.mark{display:inline-block;border:1px solid currentColor;border-radius:4px;padding:0 8px;margin-left:8px;font-size:13px;font-weight:600;color:var(--c5)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:18px 0}
.card{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:10px 14px}
.card b{display:block;font-size:22px;font-variant-numeric:tabular-nums}.card span{color:var(--dim);font-size:13px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:0 28px}
figure{margin:8px 0 0}svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--dim);font:12px system-ui,sans-serif}.small text{font-size:9.5px}svg.flat{height:26px}
.grid{stroke:var(--rule)}.empty{fill:var(--card)}
rect.c0,circle.c0{fill:var(--c0)}rect.c1{fill:var(--c1)}rect.c2{fill:var(--c2)}rect.c3{fill:var(--c3)}rect.c4{fill:var(--c4)}rect.c5{fill:var(--c5)}
.line polyline{fill:none;stroke-width:2}.line circle{stroke:none}
.line.c0 polyline{stroke:var(--c0)}.line.c0 circle{fill:var(--c0)}
.line.c1 polyline{stroke:var(--c1);stroke-dasharray:6 3}.line.c1 circle{fill:var(--c1)}
.line.c2 polyline{stroke:var(--c2);stroke-dasharray:2 3}.line.c2 circle{fill:var(--c2)}
figcaption{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;color:var(--dim);margin-top:4px}
figcaption i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
i.c0{background:var(--c0)}i.c1{background:var(--c1)}i.c2{background:var(--c2)}i.c3{background:var(--c3)}i.c4{background:var(--c4)}i.c5{background:var(--c5)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px;margin-top:8px}
th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--dim)}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.id{max-width:260px;overflow:hidden;text-overflow:ellipsis}svg.turns{width:192px;height:20px}
.share{background:var(--card);border-radius:3px;min-width:120px;height:12px;overflow:hidden}.share div{height:12px;background:var(--c0)}
footer{margin-top:36px;color:var(--dim);font-size:13px}
`;

/** Cells as a picture: every character in its column, in its colour, bars as tall as they say. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../e2e/harness.js';
import { visibleScreen } from '../e2e/visible-screen.js';
import { terminalSvg } from './terminal-svg.js';

const svgOf = (output: string) => terminalSvg(visibleScreen(output).cells, 20, 'a <title>');

describe('the picture of a terminal', () => {
  it('writes text where it stands, in its colour and weight', () => {
    const svg = svgOf('\u001b[1;38;2;1;2;3mab c\u001b[0m   d<\r\n');
    expect(svg).toContain(
      '<text x="14" y="27" textLength="32" fill="rgb(1,2,3)" font-weight="bold">ab c</text>',
    );
    expect(svg).toContain('<text x="70" y="27" textLength="16">d&#60;</text>');
    expect(svg).toContain('<title>a &#60;title&#62;</title>');
  });

  it('draws bars and rules', () => {
    const svg = svgOf('█░▄─│└x');
    expect(svg.match(/<rect x=/g)).toHaveLength(5);
    expect(svg).toContain('height="7.5"');
    expect(svg).toContain('<path');
    expect(svg).toContain('>x</text>');
  });

  it('ends with the last row that says something', () => {
    expect(svgOf('a\r\n\r\n\r\n')).toContain('viewBox="0 0 188 45"');
  });

  it('is there wherever a document shows one', () => {
    for (const page of ['README.md', 'docs/screen.md']) {
      const text = readFileSync(path.join(root, page), 'utf8');
      const shown = [...text.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, file]) => file!);
      expect(shown.length).toBeGreaterThan(0);
      for (const file of shown)
        expect(readFileSync(path.join(root, path.dirname(page), file)).length).toBeGreaterThan(500);
    }
  });
});

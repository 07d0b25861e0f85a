/** What stands around every view: tabs above, keys below, help in its place. Made from the key map. */
import { bindingsFor, VIEWS, wordsOf } from '../keys.js';
import { clip, type Line, seg, widthOf } from '../line.js';
import { wrapText } from '../table.js';
import type { Mode, UiState } from '../ui-state.js';

interface Place {
  columns: number;
  mode: Mode;
  isReadonly: boolean;
}

/** All views with their keys; where they do not fit, the names of the others are left out. */
export function tabLine({ view }: UiState, columns: number): Line {
  const tab = (index: number, name: string, isShown: boolean): Line => [
    seg(`${index + 1}`, 'accent'),
    seg(name === '' ? '  ' : isShown ? ` [${name}]  ` : ` ${name}  `, isShown ? 'title' : 'dim'),
  ];
  const all = VIEWS.flatMap((entry, index) => tab(index, entry.view, entry.view === view));
  if (widthOf(all) <= columns) return all;
  return clip(
    VIEWS.flatMap((entry, index) => tab(index, entry.view === view ? view : '', entry.view === view)),
    columns,
  );
}

/** The question, else what was done last, else the keys that work here, the view's own ones first. */
export function footerLine(ui: UiState, { columns, mode, isReadonly }: Place): Line {
  if (ui.question !== null)
    return clip(
      [
        seg(`Drain and restart ${ui.question}? Its running requests finish, its cache is lost.  `, 'warn'),
        seg('y', 'accent'),
        seg(' yes   ', 'dim'),
        seg('n', 'accent'),
        seg(' no', 'dim'),
      ],
      columns,
    );
  const own = bindingsFor({ view: ui.view, isReadonly }).filter(({ isQuiet }) => isQuiet !== true);
  const sorted = [...own].sort((a, b) => Number(a.views === undefined) - Number(b.views === undefined));
  const before = [
    ...(ui.isPaused ? [seg('PAUSED   ', 'warn')] : []),
    ...(ui.notice === null ? [] : [seg(`${ui.notice}   `, 'title')]),
  ];
  let left = columns - widthOf(before);
  const keys = sorted.flatMap((binding) => {
    const told = [seg(binding.label, 'accent'), seg(` ${wordsOf(binding, mode)}`, 'dim')];
    left -= widthOf(told);
    const shown = left < 0 ? [] : [...told, seg('   ')];
    left -= 3;
    return shown;
  });
  return clip([...before, ...keys], columns);
}

const WORDS: readonly [string, string][] = [
  ['hit rate', 'cached ÷ prompt tokens, both as the engines report them'],
  ['reachable', 'what one unlimited cache over all workers would have given'],
  ['predicted', 'what the router expected when it chose the worker'],
  ['again', 'tokens that had been computed before and were computed once more'],
  ['overhead', 'our own time before a request is forwarded'],
  ['feed', 'events: the worker tells its blocks; approximate: we keep our own books'],
  ['SIMULATED', 'no model answers: workers pretend to be the recipe’s'],
  ['APPROXIMATE', 'a worker tells no events, so what it holds is reckoned'],
  ['DEGRADED', 'a worker does not serve'],
];

export function helpLines(ui: UiState, { columns, mode, isReadonly }: Place): Line[] {
  const entry = (word: string, text: string, tone: 'accent' | 'title'): Line[] =>
    wrapText(`${word.padEnd(13)}${text}`, columns, 13).map((line) => [
      seg(line.slice(0, 13), tone),
      seg(line.slice(13)),
    ]);
  const keys = bindingsFor({ view: ui.view, isReadonly }).flatMap((binding) =>
    entry(binding.label, wordsOf(binding, mode), 'accent'),
  );
  return [...keys, [], ...WORDS.flatMap(([word, meaning]) => entry(word, meaning, 'title'))];
}

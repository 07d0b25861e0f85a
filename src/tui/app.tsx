/** The screen: draws the view model's lines, hands keys to the reducer, carries its effects out. Snapshots are its only clock. */
import { useInput } from 'ink';
import { useEffect, useReducer, useRef } from 'react';
import type { Snapshot } from '../telemetry/types.js';
import { keyNames } from './keys.js';
import { type Glyphs, type Line, seg } from './line.js';
import { type Effect, press } from './reduce.js';
import type { Mode, UiState } from './ui-state.js';
import { screenLines } from './view-model.js';
import { shownSource } from './views/logs.js';

/** The stack as the screen sees it. */
export interface ScreenSource {
  /** Calls back with snapshots at a steady pace until unsubscribed. */
  subscribe(listener: (snapshot: Snapshot) => void): () => void;
  /** Why a request went where it went, as text; rejects with a sentence when that is not known any more. */
  explain(id: string): Promise<string>;
  /** The end of a worker's log, or of the stack's; null when there is none. */
  readLog(source: string): string[] | null;
  /** Drains and restarts one worker; resolves when it serves again. */
  restart(worker: string): Promise<void>;
}

/** What outlives one mounting of the screen. */
export interface Memory {
  ui: UiState;
  snapshot: Snapshot | null;
}

export interface AppProps {
  source: ScreenSource;
  memory: Memory;
  size: { columns: number; rows: number };
  mode: Mode;
  isReadonly: boolean;
  isFlat: boolean;
  glyphs: Glyphs;
  paint(line: Line): string;
  /** Puts a frame on the terminal. */
  draw(lines: readonly string[]): void;
  onLeave(how: 'quit' | 'interrupt'): void;
  onSuspend(): void;
}

export function App({
  source,
  memory,
  size,
  mode,
  isReadonly,
  isFlat,
  glyphs,
  paint,
  draw,
  onLeave,
  onSuspend,
}: AppProps) {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const change = (next: UiState) => {
    memory.ui = next;
    redraw();
  };
  const { isPaused } = memory.ui;
  useEffect(() => {
    if (isPaused) return undefined;
    return source.subscribe((snapshot) => {
      memory.snapshot = snapshot;
      redraw();
    });
  }, [source, memory, isPaused]);
  const carryOut = (effect: Effect): void => {
    const say = (notice: string) => change({ ...memory.ui, notice });
    if (effect.type === 'leave') onLeave(effect.how);
    else if (effect.type === 'suspend') onSuspend();
    else if (effect.type === 'restart')
      source.restart(effect.worker).then(
        () => say(`${effect.worker} was restarted`),
        (error: Error) => say(error.message),
      );
    else {
      const show = (text: string) => {
        const { detail } = memory.ui;
        if (detail?.id === effect.id) change({ ...memory.ui, detail: { ...detail, text } });
      };
      source.explain(effect.id).then(show, (error: Error) => show(error.message));
    }
  };
  useInput((input, key) => {
    for (const name of keyNames(input, key)) {
      const next = press(name, memory.ui, { snapshot: memory.snapshot, isReadonly });
      if (next.ui !== memory.ui) change(next.ui);
      if (next.effect !== undefined) carryOut(next.effect);
    }
  });
  const { snapshot, ui } = memory;
  const log = useLog(source, memory);
  const lines =
    snapshot === null
      ? [[seg('connecting')]]
      : screenLines(snapshot, { ...size, mode, isReadonly, isFlat, glyphs, ui, log });
  useEffect(() => draw(lines.map(paint)));
  // The frame goes past ink: see line-writer.ts.
  return null;
}

/** The lines of the shown log; while paused those of before. */
function useLog(source: ScreenSource, { snapshot, ui }: Memory): string[] | null {
  const kept = useRef<{ name: string; lines: string[] | null } | null>(null);
  if (snapshot === null || ui.view !== 'logs') return null;
  const name = shownSource(snapshot, ui);
  if (!ui.isPaused || kept.current?.name !== name) kept.current = { name, lines: source.readLog(name) };
  return kept.current.lines;
}

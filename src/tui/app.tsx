/** The screen: draws the view model's lines, knows the keys. Owns no time: snapshots drive it. */
import { Box, Text, useInput } from 'ink';
import { useEffect, useState } from 'react';
import type { Snapshot } from '../telemetry/types.js';
import type { Glyphs, Line, Tone } from './line.js';
import type { Look } from './theme.js';
import { screenLines } from './view-model.js';

export interface SnapshotSource {
  subscribe(listener: (snapshot: Snapshot) => void): () => void;
}

export interface AppProps {
  source: SnapshotSource;
  stdout: NodeJS.WriteStream;
  mode: 'up' | 'top';
  glyphs: Glyphs;
  looks: Record<Tone, Look>;
  onKey(key: 'quit' | 'interrupt'): void;
}

export function App({ source, stdout, mode, glyphs, looks, onKey }: AppProps) {
  const [isPaused, setPaused] = useState(false);
  const [isHelp, setHelp] = useState(false);
  const snapshot = useSnapshot(source, isPaused);
  const { columns, rows } = useSize(stdout);
  useInput((input, key) => {
    if (key.ctrl && input === 'c') onKey('interrupt');
    else if (input === 'q') onKey('quit');
    else if (input === 'p') setPaused((was) => !was);
    else if (input === '?') setHelp((was) => !was);
    else if (key.escape) setHelp(false);
  });
  if (snapshot === null) return <Text>connecting</Text>;
  const lines = screenLines(snapshot, { columns, rows, mode, isPaused, isHelp, glyphs });
  return (
    <Box flexDirection="column" width={columns}>
      {lines.map((line, index) => (
        // Lines have no identity of their own: the position is the key.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        <LineText key={index} line={line} looks={looks} />
      ))}
    </Box>
  );
}

function LineText({ line, looks }: { line: Line; looks: Record<Tone, Look> }) {
  return (
    <Text wrap="truncate">
      {line.map(({ text, tone }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: segments have no identity either
        <Text key={index} {...looks[tone]}>
          {text}
        </Text>
      ))}
      {line.length === 0 || line.every(({ text }) => text === '') ? ' ' : ''}
    </Text>
  );
}

function useSnapshot(source: SnapshotSource, isPaused: boolean): Snapshot | null {
  const [snapshot, setSnapshot] = useState<Snapshot | null>(null);
  useEffect(() => (isPaused ? undefined : source.subscribe(setSnapshot)), [source, isPaused]);
  return snapshot;
}

/** A terminal that reports no size (some ptys say 0) is taken for 80 × 24. */
function useSize(stdout: NodeJS.WriteStream): { columns: number; rows: number } {
  const read = () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  const [size, setSize] = useState(read);
  useEffect(() => {
    const onResize = () => setSize(read());
    stdout.on('resize', onResize);
    return () => {
      stdout.off('resize', onResize);
    };
  });
  return size;
}

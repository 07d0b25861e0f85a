/**
 * Tools that Anthropic defines and the client runs. A client sends only their type and name, because Anthropic's
 * models know the rest; ours get it as a schema. Fields as Anthropic documents them for each tool.
 */
type Schema = Record<string, unknown>;

interface KnownTool {
  description: string;
  parameters: Schema;
}

const text = (description: string): Schema => ({ type: 'string', description });
const line = (description: string): Schema => ({ type: 'integer', description });
const object = (properties: Schema, ...required: string[]): Schema => ({
  type: 'object',
  properties,
  required,
});
const range: Schema = {
  type: 'array',
  items: { type: 'integer' },
  description: 'First and last line to view, counted from 1; -1 is the end.',
};

const bash: KnownTool = {
  description: 'Runs a command in a bash session that stays open between calls.',
  parameters: object({
    command: text('The command to run. Needed unless restart is true.'),
    restart: { type: 'boolean', description: 'Starts the session anew.' },
  }),
};

/** `insert` takes `new_str` in the versions before July 2025. */
const editor = (commands: readonly string[], inserted: string): KnownTool => ({
  description: 'Views, creates and edits text files.',
  parameters: object(
    {
      command: { type: 'string', enum: commands },
      path: text('Path of the file or folder.'),
      view_range: range,
      file_text: text('For create: the whole content.'),
      old_str: text('For str_replace: the text to replace; it must occur exactly once.'),
      new_str: text('For str_replace: the text put in its place.'),
      insert_line: line('For insert: the line after which the text goes; 0 is the start.'),
      [inserted]: text('The text to put in.'),
    },
    'command',
    'path',
  ),
});

const memory: KnownTool = {
  description: 'Keeps notes in files under /memories between conversations.',
  parameters: object(
    {
      command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
      path: text('Path under /memories; for all commands but rename.'),
      view_range: range,
      file_text: text('For create: the whole content.'),
      old_str: text('For str_replace: the text to replace.'),
      new_str: text('For str_replace: the text put in its place.'),
      insert_line: line('For insert: the line after which the text goes.'),
      insert_text: text('For insert: the text to put in.'),
      old_path: text('For rename: the present path.'),
      new_path: text('For rename: the path wanted.'),
    },
    'command',
  ),
};

const EDITS = ['view', 'create', 'str_replace', 'insert'];

const TOOLS: [prefix: string, tool: KnownTool][] = [
  ['bash_', bash],
  ['memory_', memory],
  ['text_editor_20241022', editor([...EDITS, 'undo_edit'], 'new_str')],
  ['text_editor_20250124', editor([...EDITS, 'undo_edit'], 'new_str')],
  ['text_editor_20250429', editor(EDITS, 'insert_text')],
  ['text_editor_', editor(EDITS, 'insert_text')],
];

/**
 * Schema of a tool by its type, for example `bash_20250124`; undefined for tools that only Anthropic's servers run, and for
 * computer and browser use, which need a model trained for them.
 */
export function knownClientTool(type: string): KnownTool | undefined {
  // Anthropic's servers run these two, whatever they begin with.
  if (type.includes('code_execution')) return undefined;
  return TOOLS.find(([prefix]) => type.startsWith(prefix))?.[1];
}

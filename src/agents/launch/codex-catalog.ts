/** Codex's model catalogue with one entry, and the instructions an entry must bring. */
import { SMALL_SYSTEM_PROMPT } from './small-prompt.js';
import type { LaunchInput } from './types.js';

/** Share of the window Codex fills before it compacts; the answer comes out of what is left. */
const WINDOW_PERCENT = 100;
/** One tool result, in tokens: a long listing must not fill a small window by itself. */
const TOOL_OUTPUT_MAX_TOKENS = 10_000;

/** The file `model_catalog_json` points to. Field names are Codex 0.169's (`codex debug models`). */
export function catalogText(input: LaunchInput, instructions: string): string {
  const promptTokens = input.contextTokens - input.outputLimit;
  const entry = {
    slug: input.model,
    display_name: input.model,
    description: `${input.model}, served by dynamo at ${input.url}`,
    // Codex asks for no longest answer, so the room for one is taken off the window.
    context_window: promptTokens,
    max_context_window: promptTokens,
    effective_context_window_percent: WINDOW_PERCENT,
    truncation_policy: {
      mode: 'tokens',
      limit: Math.min(TOOL_OUTPUT_MAX_TOKENS, Math.floor(promptTokens / 4)),
    },
    apply_patch_tool_type: 'freeform',
    shell_type: 'unified_exec',
    base_instructions: instructions,
    default_reasoning_level: null,
    supported_reasoning_levels: [],
    default_reasoning_summary: 'none',
    supports_reasoning_summaries: false,
    support_verbosity: false,
    default_verbosity: null,
    supports_parallel_tool_calls: true,
    supports_search_tool: false,
    supports_image_detail_original: false,
    input_modalities: ['text'],
    experimental_supported_tools: [],
    visibility: 'list',
    supported_in_api: true,
    priority: 0,
    availability_nux: null,
    upgrade: null,
  };
  return `${JSON.stringify({ models: [entry] }, null, 2)}\n`;
}

export function instructionsText(isSmall: boolean): string {
  return isSmall ? SMALL_SYSTEM_PROMPT : INSTRUCTIONS;
}

/** Ours, not OpenAI's: their text is written for their models and names tools this entry does not offer. */
const INSTRUCTIONS = `You are a coding agent that works in a terminal, in the user's workspace, with the user watching. Keep going until the task is done, then say what you changed.

# How to work
- Read before you change: look at the files involved, and at AGENTS.md files, whose rules hold for everything below their folder. The user's words come before them.
- Prefer \`rg\` and \`rg --files\` for searching.
- Fix the cause and not the symptom. Keep to the style of the code around, and change nothing the task does not ask for.
- Do not undo changes you did not make. Do not commit, push or create branches unless asked.
- For work of several steps keep a short plan and update it as you go.
- Check your work: run the tests or the program that covers what you changed. If you cannot, say so.

# Tools
- Run commands with the shell tool. Give the working directory instead of \`cd\`. Never start a program that waits for a person.
- Change files with \`apply_patch\`. Its input is the patch itself and no JSON:

*** Begin Patch
*** Update File: path/to/file.py
@@ def greet():
-    print("Hi")
+    print("Hello")
*** Add File: path/to/new.txt
+first line
*** Delete File: path/to/old.txt
*** End Patch

  Every line of a new file begins with \`+\`. Lines of context begin with a space, and three of them above and below are enough. Paths are relative.
- When the sandbox refuses something the task needs, ask for approval with a one-sentence reason.

# How to answer
Be short and plain. Lead with the result, name files as \`path:line\`, and quote code only where it helps. Mention what is left or uncertain.
`;

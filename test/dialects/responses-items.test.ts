/** Items of a Responses conversation that no tool here makes: nothing that was said is lost, nothing is refused. */
import { describe, expect, it } from 'vitest';
import { responsesDialect } from '../../src/dialects/responses/responses.js';
import type { KeptResponse } from '../../src/dialects/types.js';
import { DynamoError } from '../../src/errors.js';
import { engineMessages } from '../../src/request/engine-body.js';

function decode(body: Record<string, unknown>, kept?: KeptResponse) {
  const warnings: string[] = [];
  const request = responsesDialect.decode(
    { model: 'm', input: 'hi', ...body },
    {
      requestId: 'r1',
      headers: {},
      warn: (code, message) => warnings.push(`${code}: ${message}`),
      kept: (id) => (kept?.id === id ? kept : undefined),
    },
  );
  return { request, warnings };
}

function messagesOf(input: unknown[], kept?: KeptResponse) {
  const { request, warnings } = decode({ input }, kept);
  if (request.input.kind !== 'chat') throw new Error('no chat');
  return { messages: engineMessages(request.input.messages), warnings };
}

const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';

/** Items, and the call (name, arguments) and result they become. */
const HOSTED: [string, Record<string, unknown>[], [string, unknown], string | undefined][] = [
  [
    'a local shell',
    [
      { type: 'local_shell_call', id: 'ls_1', call_id: 'c1', action: { type: 'exec', command: ['ls'] } },
      { type: 'local_shell_call_output', id: 'ls_1', output: 'README.md' },
    ],
    ['local_shell', { type: 'exec', command: ['ls'] }],
    'README.md',
  ],
  [
    'a shell',
    [
      { type: 'shell_call', call_id: 'c1', action: { commands: ['ls', 'false'] } },
      {
        type: 'shell_call_output',
        call_id: 'c1',
        output: [
          { stdout: 'README.md', stderr: '', outcome: { type: 'exit', exit_code: 0 } },
          { stdout: '', stderr: 'no', outcome: { type: 'timeout' } },
        ],
      },
    ],
    ['shell', { commands: ['ls', 'false'] }],
    'README.md\nexit code 0\nno\ntimeout',
  ],
  [
    'a patch',
    [
      { type: 'apply_patch_call', call_id: 'c1', operation: { type: 'delete_file', path: 'a' } },
      { type: 'apply_patch_call_output', call_id: 'c1', status: 'failed', output: 'no such file' },
    ],
    ['apply_patch', { type: 'delete_file', path: 'a' }],
    'no such file',
  ],
  [
    'a web search',
    [{ type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'x' } }],
    ['web_search', { type: 'search', query: 'x' }],
    'The results were used in what follows.',
  ],
  [
    'a file search',
    [
      {
        type: 'file_search_call',
        id: 'fs_1',
        queries: ['x'],
        results: [{ filename: 'a.md', text: 'found' }],
      },
    ],
    ['file_search', { queries: ['x'] }],
    'a.md:\nfound',
  ],
  [
    'a code interpreter',
    [
      {
        type: 'code_interpreter_call',
        id: 'ci_1',
        code: '1+1',
        outputs: [{ type: 'logs', logs: '2' }, null],
      },
    ],
    ['code_interpreter', { code: '1+1' }],
    '2\n',
  ],
  [
    'a call of an MCP server',
    [
      {
        type: 'mcp_call',
        id: 'mcp_1',
        server_label: 'files',
        name: 'read',
        arguments: '{"a":1}',
        output: 'text',
      },
    ],
    ['files__read', { a: 1 }],
    'text',
  ],
  [
    'a failed call of an MCP server',
    [{ type: 'mcp_call', id: 'mcp_1', server_label: 'files', name: 'read', arguments: '{}', error: 'gone' }],
    ['files__read', {}],
    'Error: \ngone',
  ],
  [
    'an approval',
    [
      { type: 'mcp_approval_request', id: 'ar_1', server_label: 'files', name: 'rm', arguments: '{}' },
      { type: 'mcp_approval_response', approval_request_id: 'ar_1', approve: false, reason: 'no way' },
    ],
    ['files__rm', {}],
    'Not approved. no way',
  ],
  [
    'an image that was made',
    [{ type: 'image_generation_call', id: 'ig_1', status: 'completed', result: 'AAAA' }],
    ['image_generation', { prompt: '' }],
    'An image was made.',
  ],
  [
    'a program',
    [
      { type: 'program', id: 'p_1', call_id: 'c1', code: 'print(1)', fingerprint: 'f' },
      { type: 'program_output', id: 'p_2', call_id: 'c1', result: '1', status: 'completed' },
    ],
    ['program', { code: 'print(1)' }],
    '1',
  ],
  [
    'a tool search',
    [
      { type: 'tool_search_call', call_id: 'c1', arguments: { query: 'mail' } },
      {
        type: 'tool_search_output',
        call_id: 'c1',
        tools: [{ type: 'function', name: 'send_mail', parameters: {} }],
      },
    ],
    ['tool_search', { query: 'mail' }],
    'Found: send_mail',
  ],
];

describe('what a tool of OpenAI did', () => {
  it.each(HOSTED)('%s stays in the conversation as a call and its result', (_, items, [
    name,
    args,
  ], result) => {
    const said = { role: 'user', content: 'go' };
    const { messages, warnings } = messagesOf([said, ...items, { role: 'assistant', content: 'done' }]);
    const [, call, answer, last] = messages;
    const made = call?.tool_calls?.[0];
    expect([made?.function.name, JSON.parse(made?.function.arguments ?? '')]).toEqual([name, args]);
    expect(answer).toEqual({ role: 'tool', tool_call_id: made?.id, content: result });
    expect(last).toEqual({ role: 'assistant', content: 'done' });
    expect(warnings).toEqual([]);
  });

  it('on a screen keeps its picture when it was sent', () => {
    const call = { type: 'computer_call', call_id: 'c1', actions: [{ type: 'screenshot' }] };
    const output = (image_url: string) => ({
      type: 'computer_call_output',
      call_id: 'c1',
      output: { type: 'computer_screenshot', image_url },
    });
    expect(messagesOf([call, output(PIXEL)]).messages[1]?.content).toEqual([
      { type: 'image_url', image_url: { url: PIXEL } },
    ]);
    expect(messagesOf([call, output('https://x/y.png')]).messages[1]?.content).toBe(
      'A screenshot was taken.',
    );
  });

  it('nobody knows of is left out with a warning', () => {
    const { messages, warnings } = messagesOf([{ type: 'hologram' }, { role: 'user', content: 'hi' }]);
    expect(messages).toHaveLength(1);
    expect(warnings).toEqual(['item_ignored: an item of type hologram was left out']);
    for (const type of ['constructor', '__proto__', { toString: 1 }])
      expect(messagesOf([{ type }, { role: 'user', content: 'hi' }]).messages).toHaveLength(1);
  });
});

describe('a function’s output', () => {
  it('may be a list with pictures', () => {
    const { messages } = messagesOf([
      { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{}' },
      {
        type: 'function_call_output',
        call_id: 'c1',
        output: [
          { type: 'input_text', text: 'see' },
          { type: 'input_image', image_url: PIXEL },
        ],
      },
    ]);
    expect(messages[1]).toEqual({
      role: 'tool',
      tool_call_id: 'c1',
      content: [
        { type: 'text', text: 'see' },
        { type: 'image_url', image_url: { url: PIXEL } },
      ],
    });
  });
});

describe('a reference to an item', () => {
  const kept: KeptResponse = {
    id: 'resp_ab12',
    isStored: true,
    response: {
      output: [{ type: 'function_call', id: 'fc_ab12_0', call_id: 'c1', name: 'f', arguments: '{}' }],
    },
    inputItems: [{ role: 'user', content: 'first' }],
    messages: [],
  };

  it('stands for the item of the kept response, made or given', () => {
    const { messages } = messagesOf(
      [
        { type: 'item_reference', id: 'item_resp_ab12_0' },
        { id: 'fc_ab12_0' },
        { type: 'function_call_output', call_id: 'c1', output: 'x' },
      ],
      kept,
    );
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(messages[0]?.content).toBe('first');
  });

  it('to nothing that is kept is refused by name', () => {
    for (const id of ['fc_ab12_7', 'fc_cd34_0', 'msg_of_somebody', '']) {
      const input = [{ type: 'item_reference', id }];
      expect(() => messagesOf(input, kept)).toThrow(DynamoError);
      expect(() => messagesOf(input, kept)).toThrow(/input\[0\]\.id: Item with id/);
    }
  });
});

describe('tools', () => {
  const declared = { type: 'function', name: 'f', parameters: { type: 'object' } };

  it('that run at OpenAI are left out, each with a warning', () => {
    const hosted = [
      'web_search',
      'web_search_preview',
      'local_shell',
      'shell',
      'apply_patch',
      'mcp',
      'image_generation',
      'tool_search',
      'code_interpreter',
      'computer',
      'computer_use_preview',
      'file_search',
      'programmatic_tool_calling',
    ];
    const { request, warnings } = decode({ tools: [declared, ...hosted.map((type) => ({ type }))] });
    expect(request.tools.map(({ name }) => name)).toEqual(['f']);
    expect(warnings).toEqual(
      hosted.map((type) => `tool_ignored: a tool of type ${type} is not available here`),
    );
  });

  it('that come within the conversation can be called, and do not replace declared ones', () => {
    const brought = [
      { ...declared, description: 'another' },
      { type: 'namespace', name: 'mail', tools: [{ type: 'function', name: 'send', parameters: {} }] },
    ];
    const { request } = decode({
      tools: [declared],
      input: [
        { type: 'additional_tools', role: 'developer', tools: brought },
        { role: 'user', content: 'hi' },
      ],
    });
    expect(request.tools.map(({ name, description }) => [name, description])).toEqual([
      ['f', undefined],
      ['mail__send', undefined],
    ]);
  });

  it('are chosen in every form', () => {
    const tools = [declared, { type: 'custom', name: 'patch' }];
    const choice = (tool_choice: unknown) => decode({ tools, tool_choice }).request;
    for (const kind of ['auto', 'none', 'required']) expect(choice(kind).toolChoice).toEqual({ kind });
    expect(choice({ type: 'function', name: 'f' }).toolChoice).toEqual({ kind: 'tool', name: 'f' });
    expect(choice({ type: 'custom', name: 'patch' }).toolChoice).toEqual({ kind: 'tool', name: 'patch' });
    const allowed = choice({
      type: 'allowed_tools',
      mode: 'required',
      tools: [{ type: 'custom', name: 'patch' }],
    });
    expect([allowed.toolChoice, allowed.tools.map(({ name }) => name)]).toEqual([
      { kind: 'required' },
      ['patch'],
    ]);
    for (const type of ['file_search', 'mcp', 'shell', 'apply_patch', 'programmatic_tool_calling']) {
      const { request, warnings } = decode({ tools, tool_choice: { type, server_label: 's', name: 'f' } });
      expect([request.toolChoice, warnings]).toEqual([
        { kind: 'auto' },
        [expect.stringContaining('tool_choice')],
      ]);
    }
    expect(() => choice({ type: 'function', name: 'g' })).toThrow(/there is no tool g/);
  });
});

/** One generation as vLLM answers it: whole or as SSE. Thin: one choice, no tools. */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { CoreFinish } from '../types.js';
import { ApiError, promptTokens, type ServerContext } from './prompt.js';

export async function answerCompletion(context: ServerContext, body: Record<string, unknown>, kind: 'chat' | 'text', response: ServerResponse): Promise<void> {
  const { core } = context;
  const tokens = promptTokens(context, body);
  const limit = core.info.contextTokens;
  if (tokens.length >= limit) {
    throw new ApiError(400, 'BadRequestError', `This model's maximum context length is ${limit} tokens. However, your request has ${tokens.length} input tokens.`, 'input_tokens');
  }
  const asked = numberOf(body, 'max_completion_tokens') ?? numberOf(body, 'max_tokens') ?? limit;
  const id = `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${typeof body['request_id'] === 'string' ? body['request_id'] : randomUUID()}`;
  const isStream = body['stream'] === true;
  const decoder = new TextDecoder();
  let cached = 0;
  let count = 0;
  let text = '';
  const frame = (choice: Record<string, unknown> | null, usage?: unknown) => ({
    id,
    object: kind === 'chat' ? 'chat.completion.chunk' : 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: context.names[0],
    choices: choice === null ? [] : [{ index: 0, logprobs: null, finish_reason: null, ...choice }],
    ...(usage === undefined ? {} : { usage }),
  });
  const send = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`);
  const delta = (piece: string) => (kind === 'chat' ? { delta: { content: piece } } : { text: piece });
  const usage = () => ({
    prompt_tokens: tokens.length,
    total_tokens: tokens.length + count,
    completion_tokens: count,
    prompt_tokens_details: { cached_tokens: cached },
  });
  await new Promise<void>((resolve, reject) => {
    const handle = core.submit({
      tokens,
      maxTokens: Math.max(1, Math.min(asked, limit - tokens.length)),
      sampling: {
        temperature: numberOf(body, 'temperature') ?? 1,
        topP: numberOf(body, 'top_p') ?? 1,
        topK: numberOf(body, 'top_k') ?? 0,
        minP: numberOf(body, 'min_p') ?? 0,
        frequencyPenalty: numberOf(body, 'frequency_penalty') ?? 0,
        presencePenalty: numberOf(body, 'presence_penalty') ?? 0,
        repetitionPenalty: numberOf(body, 'repetition_penalty') ?? 1,
      },
      priority: -(numberOf(body, 'priority') ?? 0),
      cacheSalt: typeof body['cache_salt'] === 'string' ? body['cache_salt'] : '',
      onStart: (found) => {
        cached = found;
        if (!isStream) return;
        response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
        if (kind === 'chat') send(frame({ delta: { role: 'assistant', content: '' } }));
      },
      onToken: (token) => {
        count += 1;
        const piece = decoder.decode(core.piece(token, { special: false }), { stream: true });
        text += piece;
        if (isStream && piece !== '') send(frame(delta(piece)));
      },
      onEnd: (reason: CoreFinish, error) => {
        if (reason === 'error') reject(error ?? new Error('generation failed'));
        else {
          finish(reason);
          resolve();
        }
      },
    });
    response.on('close', () => handle.cancel());
  });
  function finish(reason: CoreFinish): void {
    context.metrics.finished[reason] = (context.metrics.finished[reason] ?? 0) + 1;
    if (reason === 'cancelled') return;
    if (!isStream) {
      const whole = kind === 'chat' ? { message: { role: 'assistant', content: text } } : { text };
      const answer = { ...frame({ ...whole, finish_reason: reason }, usage()), object: kind === 'chat' ? 'chat.completion' : 'text_completion' };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      return;
    }
    send(frame({ ...(kind === 'chat' ? { delta: {} } : { text: '' }), finish_reason: reason }));
    const options = body['stream_options'] as { include_usage?: boolean } | undefined;
    if (options?.include_usage === true) send(frame(null, usage()));
    response.end('data: [DONE]\n\n');
  }
}

function numberOf(body: Record<string, unknown>, name: string): number | undefined {
  const value = body[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

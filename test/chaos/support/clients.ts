/** Official clients of every dialect, and what a user of them is left with: a whole answer, or an error. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

export const DIALECTS = ['chat', 'completions', 'messages', 'responses'] as const;

export interface Question {
  dialect: (typeof DIALECTS)[number];
  prompt: string;
  maxTokens: number;
  isStream: boolean;
  /** The answer must be a call of the one tool there is; not for `completions`. */
  isCall?: boolean;
  /** Engine fields beside the dialect's own. */
  extra?: Record<string, unknown>;
  headers?: Record<string, string>;
}

export interface Answered {
  how: 'whole' | 'error';
  /** Text, or name and arguments of the call; of an error what was there before it. */
  text: string;
  /** Counted by the engine; null where it was not told. */
  outputTokens: number | null;
  /** Why it is not whole. */
  error: string;
  /** HTTP status of an error before the answer began. */
  status: number | null;
  retryAfter: string | null;
}

const PARAMETERS = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const, maxLength: 12 }, days: { type: 'integer' as const } },
  required: ['city', 'days'],
  additionalProperties: false,
};

/** Text as it comes, and the tokens counted at its end. */
interface Pieces {
  text: string;
  outputTokens: number | null;
  isEnded: boolean;
}

export class Clients {
  readonly #openai: OpenAI;
  readonly #anthropic: Anthropic;
  readonly #model: string;

  constructor(url: string, model: string) {
    const options = { apiKey: 'none', maxRetries: 0, timeout: 120_000 };
    this.#openai = new OpenAI({ baseURL: `${url}/v1`, ...options });
    this.#anthropic = new Anthropic({ baseURL: url, ...options });
    this.#model = model;
  }

  /** Never rejects; `onText` hears of each piece of a stream. */
  async ask(
    question: Question,
    options: { signal?: AbortSignal; onText?: () => void } = {},
  ): Promise<Answered> {
    const pieces: Pieces = { text: '', outputTokens: null, isEnded: false };
    try {
      await this.#ways[question.dialect](question, pieces, options);
      // A stream that just stops is what no client may be left with.
      if (!pieces.isEnded) throw new Error('the answer has no end');
      return { how: 'whole', ...told(pieces), error: '', status: null, retryAfter: null };
    } catch (error) {
      const { message, status, headers } = error as Error & { status?: number; headers?: Headers };
      const retryAfter = headers?.get?.('retry-after') ?? null;
      return { how: 'error', ...told(pieces), error: message, status: status ?? null, retryAfter };
    }
  }

  readonly #ways: Record<
    Question['dialect'],
    (
      question: Question,
      pieces: Pieces,
      options: { signal?: AbortSignal; onText?: () => void },
    ) => Promise<void>
  > = {
    chat: async (question, pieces, { signal, onText }) => {
      const { prompt, maxTokens, isCall, extra, headers } = question;
      const body = {
        model: this.#model,
        messages: [{ role: 'user' as const, content: prompt }],
        max_tokens: maxTokens,
        temperature: 0,
        ...(isCall ? { tools: [functionTool('chat')], tool_choice: 'required' as const } : {}),
        ...extra,
      };
      const init = { signal: signal ?? null, headers: headers ?? {} };
      if (!question.isStream) {
        const { choices, usage } = await this.#openai.chat.completions.create(body as never, init);
        const [choice] = (choices as OpenAI.ChatCompletion.Choice[]) ?? [];
        const call = choice?.message.tool_calls?.[0] as { function: { name: string; arguments: string } };
        pieces.text = call === undefined ? (choice?.message.content ?? '') : callText(call.function);
        pieces.outputTokens = (usage as OpenAI.CompletionUsage).completion_tokens;
        pieces.isEnded = (choice?.finish_reason ?? null) !== null;
        return;
      }
      const stream = (await this.#openai.chat.completions.create(
        { ...body, stream: true, stream_options: { include_usage: true } } as never,
        init,
      )) as unknown as AsyncIterable<OpenAI.ChatCompletionChunk>;
      for await (const { choices, usage } of stream) {
        const [choice] = choices;
        const call = choice?.delta.tool_calls?.[0]?.function;
        const piece = choice?.delta.content ?? (call ? `${call.name ?? ''}${call.arguments ?? ''}` : '');
        pieces.text += piece;
        if (piece !== '') onText?.();
        if (choice?.finish_reason) pieces.isEnded = true;
        if (usage) pieces.outputTokens = usage.completion_tokens;
      }
    },
    completions: async ({ prompt, maxTokens, isStream, extra, headers }, pieces, { signal, onText }) => {
      const body = { model: this.#model, prompt, max_tokens: maxTokens, temperature: 0, ...extra };
      const init = { signal: signal ?? null, headers: headers ?? {} };
      if (!isStream) {
        const { choices, usage } = (await this.#openai.completions.create(body, init)) as OpenAI.Completion;
        pieces.text = choices[0]?.text ?? '';
        pieces.outputTokens = usage?.completion_tokens ?? null;
        pieces.isEnded = (choices[0]?.finish_reason ?? null) !== null;
        return;
      }
      const stream = await this.#openai.completions.create(
        { ...body, stream: true, stream_options: { include_usage: true } },
        init,
      );
      for await (const { choices, usage } of stream) {
        pieces.text += choices[0]?.text ?? '';
        if (choices[0]?.text) onText?.();
        if (choices[0]?.finish_reason) pieces.isEnded = true;
        if (usage) pieces.outputTokens = usage.completion_tokens;
      }
    },
    messages: async (question, pieces, { signal, onText }) => {
      const { prompt, maxTokens, isCall, extra, headers } = question;
      const body = {
        model: this.#model,
        messages: [{ role: 'user' as const, content: prompt }],
        max_tokens: maxTokens,
        temperature: 0,
        ...(isCall
          ? { tools: [{ name: 'forecast', input_schema: PARAMETERS }], tool_choice: { type: 'any' as const } }
          : {}),
        ...extra,
      };
      const init = { signal: signal ?? null, headers: headers ?? {} };
      if (!question.isStream) {
        const { content, usage, stop_reason } = await this.#anthropic.messages.create(body as never, init);
        const [block] = content as Anthropic.ContentBlock[];
        pieces.text =
          block?.type === 'tool_use'
            ? callText({ name: block.name, arguments: JSON.stringify(block.input) })
            : block?.type === 'text'
              ? block.text
              : '';
        pieces.outputTokens = usage.output_tokens;
        pieces.isEnded = stop_reason !== null;
        return;
      }
      const stream = (await this.#anthropic.messages.create(
        { ...body, stream: true } as never,
        init,
      )) as unknown as AsyncIterable<Anthropic.RawMessageStreamEvent>;
      for await (const event of stream) {
        if (event.type === 'content_block_start' && event.content_block.type === 'tool_use')
          pieces.text += event.content_block.name;
        if (event.type === 'content_block_delta') {
          const { delta } = event;
          const piece =
            delta.type === 'text_delta'
              ? delta.text
              : delta.type === 'input_json_delta'
                ? delta.partial_json
                : '';
          pieces.text += piece;
          if (piece !== '') onText?.();
        }
        if (event.type === 'message_delta') pieces.outputTokens = event.usage.output_tokens;
        if (event.type === 'message_stop') pieces.isEnded = true;
      }
    },
    responses: async (question, pieces, { signal, onText }) => {
      const { prompt, maxTokens, isCall, extra, headers } = question;
      const body = {
        model: this.#model,
        input: prompt,
        max_output_tokens: maxTokens,
        temperature: 0,
        store: false,
        ...(isCall ? { tools: [functionTool('responses')], tool_choice: 'required' as const } : {}),
        ...extra,
      };
      const init = { signal: signal ?? null, headers: headers ?? {} };
      const read = ({ output, usage, status, error }: OpenAI.Responses.Response): void => {
        if (status === 'failed') throw new Error(error?.message ?? 'failed');
        const text = output.flatMap((item) =>
          item.type === 'message'
            ? item.content.map((part) => (part.type === 'output_text' ? part.text : ''))
            : item.type === 'function_call'
              ? [callText(item)]
              : [],
        );
        pieces.text = text.join('');
        pieces.outputTokens = usage?.output_tokens ?? null;
        pieces.isEnded = status === 'completed' || status === 'incomplete';
      };
      if (!question.isStream) {
        read((await this.#openai.responses.create(body as never, init)) as OpenAI.Responses.Response);
        return;
      }
      const stream = (await this.#openai.responses.create(
        { ...body, stream: true } as never,
        init,
      )) as unknown as AsyncIterable<OpenAI.Responses.ResponseStreamEvent>;
      let said = '';
      for await (const event of stream) {
        if (
          event.type === 'response.output_text.delta' ||
          event.type === 'response.function_call_arguments.delta'
        ) {
          said += event.delta;
          onText?.();
        }
        if (event.type === 'error') throw new Error(event.message);
        if (
          event.type === 'response.failed' ||
          event.type === 'response.completed' ||
          event.type === 'response.incomplete'
        ) {
          read(event.response);
          // What was streamed is what the end says.
          if (!pieces.text.endsWith(said)) throw new Error(`streamed ${said}, ended with ${pieces.text}`);
        }
      }
    },
  };
}

const told = ({ text, outputTokens }: Pieces) => ({ text, outputTokens });

/** Without blanks; arguments that were cut by a bound stay as they are. */
function callText({ name, arguments: args }: { name: string; arguments: string }): string {
  try {
    return `${name}${JSON.stringify(JSON.parse(args))}`;
  } catch {
    return `${name}${args}`;
  }
}

function functionTool(form: 'chat' | 'responses') {
  const fn = { name: 'forecast', parameters: PARAMETERS };
  return form === 'chat' ? { type: 'function', function: fn } : { type: 'function', strict: false, ...fn };
}

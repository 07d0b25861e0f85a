/**
 * A model's own chat template: messages and tools in, the exact prompt text out. The embedded worker and the
 * prompt room both render through here, so their texts are equal by construction.
 */
import { Template } from '@huggingface/jinja';
import { DynamoError } from '../errors.js';
import type { EngineMessage, EngineTool } from '../request/engine-body.js';
import { PYTHON_FUNCTIONS, writeLikePython } from './python-text.js';
import { renderTemplate } from './template-interpreter.js';
import { type LoopFields, loopFields } from './template-loops.js';
import { plainMessages, type TemplateMessage, toolAwareMessages, withToolText } from './template-messages.js';

/** Token texts templates refer to by name; empty where the model has none. */
export interface TemplateSpecials {
  bosToken: string;
  eosToken: string;
  unkToken?: string;
  padToken?: string;
}

export interface ChatTemplate {
  readonly program: Template;
  readonly loopFields: LoopFields;
  readonly specials: TemplateSpecials;
  /** The template lists tools by itself. */
  readonly readsTools: boolean;
  /** The template writes earlier tool calls by itself. */
  readonly readsToolCalls: boolean;
  readonly readsImages: boolean;
  /** The text depends on the time of day. */
  readonly readsClock: boolean;
  /** The system text the template adds when a conversation has none; empty if it adds none. */
  readonly defaultSystem: string;
  /** False when the template refuses or drops system messages. */
  readonly acceptsSystem: boolean;
}

export interface ChatInputs {
  messages: readonly EngineMessage[];
  tools: readonly EngineTool[];
  /** Ends the text with the opening of an assistant turn. */
  addGenerationPrompt: boolean;
  /** Further template variables (`chat_template_kwargs`). */
  kwargs?: Record<string, unknown>;
}

/** Parses the template and learns what it reads. Throws `model_invalid` when it is not valid Jinja. */
export function compileChatTemplate(source: string, specials: TemplateSpecials): ChatTemplate {
  const program = parse(source);
  const fields = loopFields(program);
  const readsTools = /\btools\b/.test(source);
  return {
    program,
    loopFields: fields,
    specials,
    readsTools,
    readsToolCalls: /\btool_calls\b/.test(source),
    readsClock: /\bstrftime_now\b/.test(source),
    readsImages: /\bimage(_url)?\b/.test(source),
    ...probeSystem({ program, loopFields: fields, specials }),
  };
}

/**
 * The prompt text. A template that knows no tools gets them as text in its first system message.
 * Throws `unsupported` for images the template cannot place, `invalid_request` for conversations it refuses
 * (the template's own sentence is kept).
 */
export function renderChat(template: ChatTemplate, inputs: ChatInputs): string {
  const messages = template.readsToolCalls
    ? toolAwareMessages(inputs.messages, template.readsImages)
    : plainMessages(inputs.messages, template.readsImages);
  const isNative = template.readsTools || inputs.tools.length === 0;
  return render(template, {
    ...inputs.kwargs,
    messages: isNative ? messages : withToolText(messages, inputs.tools, template),
    ...(template.readsTools && inputs.tools.length > 0 ? { tools: inputs.tools } : {}),
    add_generation_prompt: inputs.addGenerationPrompt,
  });
}

function parse(source: string): Template {
  try {
    const program = new Template(source);
    writeLikePython(program);
    return program;
  } catch (error) {
    const detail = `its chat template cannot be read: ${messageOf(error)}.`;
    throw new DynamoError('model_invalid', { path: '(chat template)', detail }, { cause: error });
  }
}

type Renderable = Pick<ChatTemplate, 'program' | 'loopFields' | 'specials'>;

function render(
  { program, loopFields: fields, specials }: Renderable,
  variables: Record<string, unknown>,
): string {
  try {
    return renderTemplate(program, fields, {
      bos_token: specials.bosToken,
      eos_token: specials.eosToken,
      unk_token: specials.unkToken ?? '',
      pad_token: specials.padToken ?? '',
      // Hugging Face's own renderer names both, and templates ask whether they are none.
      tools: null,
      documents: null,
      ...variables,
      ...PYTHON_FUNCTIONS,
    });
  } catch (error) {
    const detail = `The chat template refuses this conversation: ${messageOf(error)}`;
    throw new DynamoError('invalid_request', { detail }, { cause: error, param: 'messages' });
  }
}

const PROBE_USER = 'probe-user-text';
const PROBE_SYSTEM = 'probe-system-text';

/** Renders a chat with and without a system message; what stands in the place of ours is the default. */
function probeSystem(renderable: Renderable): Pick<ChatTemplate, 'defaultSystem' | 'acceptsSystem'> {
  const user: TemplateMessage = { role: 'user', content: PROBE_USER };
  try {
    const given = render(renderable, {
      messages: [{ role: 'system', content: PROBE_SYSTEM }, user],
      add_generation_prompt: false,
    });
    const at = given.indexOf(PROBE_SYSTEM);
    if (at < 0) return { defaultSystem: '', acceptsSystem: false };
    const bare = render(renderable, { messages: [user], add_generation_prompt: false });
    const before = given.slice(0, at);
    const after = given.slice(at + PROBE_SYSTEM.length);
    const isFramed =
      bare.length >= before.length + after.length && bare.startsWith(before) && bare.endsWith(after);
    const defaultSystem = isFramed ? bare.slice(before.length, bare.length - after.length) : '';
    return { defaultSystem, acceptsSystem: true };
  } catch {
    return { defaultSystem: '', acceptsSystem: false };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

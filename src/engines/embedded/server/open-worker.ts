/** Puts a worker together: core, events, warm-up, server. */
import path from 'node:path';
import { ReportClient } from '../../../cache/report-client.js';
import type { PageObserver } from '../../../cache/types.js';
import { compileChatTemplate, renderChat } from '../../../model/chat-template.js';
import { loadModelFacts } from '../../../model/facts.js';
import { recordsDir, verifyModel } from '../../../model/verify.js';
import { EventPublisher } from '../../events/publisher.js';
import { createCore } from '../core/create-core.js';
import type { EngineCore } from '../types.js';
import { serve } from './http-server.js';
import type { WorkerOptions } from './worker-options.js';

export interface Worker {
  url: string;
  /** Cancels every job and frees everything. Idempotent only by its caller. */
  close(): Promise<void>;
}

/**
 * Rejects with a DynamoError (`model_missing`, `model_invalid`, `engine_missing`, …) or with the system's error when an
 * address cannot be listened on. `onPhase` hears `weights` and `warming`.
 */
export async function openWorker(options: WorkerOptions, onPhase: (phase: string) => void): Promise<Worker> {
  const { modelPath, contextTokens, slots, names, host, port, events } = options;
  onPhase('weights');
  const facts = await loadModelFacts(modelPath);
  const template = compileChatTemplate(facts.chatTemplate ?? PLAIN_TEMPLATE, facts);
  const publisher = events === null ? null : await EventPublisher.open(events);
  const modelSha256 = await sha256Of(options);
  const reports = options.tiers?.reports ? new ReportClient(options.tiers.reports) : null;
  const tiers =
    options.tiers === null ? {} : { tiers: { ...options.tiers, observer: reports ?? UNOBSERVED } };
  const core = await createCore({ modelPath, modelSha256, contextTokens, slots, ...tiers });
  if (core.pages !== null)
    reports?.open({ type: 'hello', worker: options.tiers?.worker ?? '', ...core.pages });
  if (publisher !== null) core.onKvEvents((batch) => publisher.publish(batch));
  onPhase('warming');
  renderChat(template, { messages: [{ role: 'user', content: 'Hi' }], tools: [], addGenerationPrompt: true });
  await warmUp(core);
  const server = await serve({ core, template, addBos: facts.addBos, names, host, port, events });
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await core.close();
      reports?.close();
      await publisher?.close();
    },
  };
}

/** A worker that runs by itself: nobody keeps its tiers in bounds. */
const UNOBSERVED: PageObserver = {
  stored: () => {},
  used: () => {},
  dropped: () => {},
  missed: () => {},
  fault: () => {},
};

/** For a model without a template of its own: turns by name, as base models have seen them in transcripts. */
const PLAIN_TEMPLATE =
  "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";

function sha256Of({ modelPath, modelSha256 }: WorkerOptions): Promise<string> | string {
  const records = recordsDir(path.dirname(modelPath));
  return modelSha256 ?? verifyModel(modelPath, { expected: null, recordsDir: records });
}

const WARM_TOKENS = 4;

/** A short generation, so that the first request finds the sampler, the callbacks and the decode path run in. */
function warmUp(core: EngineCore): Promise<void> {
  const sampling = { temperature: 1, topP: 0.9, topK: 40, minP: 0, seed: 0 };
  const penalties = { frequencyPenalty: 0, presencePenalty: 0, repetitionPenalty: 1 };
  return new Promise((resolve, reject) => {
    core.submit({
      tokens: core.tokenize('Hello', { addSpecial: true, parseSpecial: false }),
      maxTokens: WARM_TOKENS,
      sampling: { ...sampling, ...penalties },
      priority: 0,
      cacheSalt: '',
      ignoreEos: true,
      onStart: () => {},
      onToken: () => {},
      onEnd: (reason, error) => (reason === 'error' ? reject(error) : resolve()),
    });
  });
}

/** Entry of a thread that renders and tokenizes long chats. It has a template and a tokenizer of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadPromptModel, type PromptFile } from '../model/hub-tokenizer.js';
import { LocalPrompts } from './local-prompts.js';
import { SegmentCache } from './segment-cache.js';
import { answerTo, type ChatJob, type ThreadAnswer } from './thread-job.js';

const model = await loadPromptModel(workerData as PromptFile);
// New text hardly ever comes twice, so nothing is kept here.
const prompts = new LocalPrompts(model, new SegmentCache(model.tokenizer, 0));

parentPort?.on('message', (job: ChatJob) => {
  const answer = answerTo(prompts, job);
  const handedOver = answer.kind === 'rendered' ? [answer.rendered.tokens.buffer as ArrayBuffer] : [];
  parentPort?.postMessage(answer, handedOver);
});
parentPort?.postMessage({ kind: 'ready' } satisfies ThreadAnswer);

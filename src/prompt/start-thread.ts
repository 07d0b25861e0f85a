/** A thread of this process as the pool sees it. */
import { Worker } from 'node:worker_threads';
import type { PromptFile } from '../model/hub-tokenizer.js';
import type { ChatJob, ThreadAnswer } from './thread-job.js';

export interface ThreadEvents {
  answered(answer: ThreadAnswer): void;
  /** Once, whatever the reason; nothing comes after it. */
  ended(reason: string): void;
}

export interface Thread {
  /** Hands the job's bytes over. */
  post(job: ChatJob): void;
  stop(): Promise<void>;
}

export type StartThread = (events: ThreadEvents) => Thread;

/** Threads that load the model from its file. They keep no process alive. */
export function threadStarter(
  file: PromptFile,
  entry: URL = new URL('./chat-thread.js', import.meta.url),
): StartThread {
  return ({ answered, ended }) => {
    const worker = new Worker(entry, { workerData: file, name: 'prompt', execArgv: [] });
    worker.unref();
    let failure = 'it ended';
    worker.on('message', answered);
    worker.on('error', (error) => {
      failure = error instanceof Error ? error.message : String(error);
    });
    worker.on('exit', () => ended(failure));
    return {
      post: (job) => worker.postMessage(job, [job.messages.buffer as ArrayBuffer]),
      stop: async () => {
        await worker.terminate();
      },
    };
  };
}

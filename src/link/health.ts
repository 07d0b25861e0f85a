/** Whether a worker can serve. */
import { request } from 'undici';

/** GET `path`; true exactly when it answers 200 within `timeoutMs`. Never rejects. */
export async function probeHealth(url: string, path: string, timeoutMs: number): Promise<boolean> {
  try {
    const answer = await request(new URL(path, url), {
      method: 'GET',
      signal: AbortSignal.timeout(timeoutMs),
      // A probe must not keep a connection of a starting worker open.
      headers: { connection: 'close' },
    });
    await answer.body.dump();
    return answer.statusCode === 200;
  } catch {
    return false;
  }
}

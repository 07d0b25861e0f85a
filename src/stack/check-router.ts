/** A `--router` value, proven usable before anything is fetched or started. */
import { isModulePath, moduleFile } from '../router/policies/load-module.js';
import { policyMaker } from '../router/policies/load-policy.js';

/** The value for the stack's specification: a name, or an absolute path. Rejects with `usage`. */
export async function checkRouter(router: string): Promise<string> {
  await policyMaker(router);
  return isModulePath(router) ? moduleFile(router) : router;
}

/** A proxy in the user's environment must not carry requests to a stack on this machine. */

const PROXIES = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];

/** Variables to add: both spellings of `NO_PROXY` with the stack's host; none when no proxy is set. */
export function noProxy(url: string, env: Record<string, string | undefined>): Record<string, string> {
  if (!PROXIES.some((name) => env[name])) return {};
  const host = new URL(url).hostname;
  const given = env['NO_PROXY'] ?? env['no_proxy'] ?? '';
  const hosts = given.split(',').map((part) => part.trim());
  if (hosts.includes('*') || hosts.includes(host)) return {};
  const value = [...hosts.filter((part) => part !== ''), host].join(',');
  return { NO_PROXY: value, no_proxy: value };
}

// HTTP as curl and browsers speak it.

import { within } from './deadline.js';

export const PATH = '/client/to/instance';

/** PUT registers, POST does all else. */
export const methodFor = (body) => (body?.action === 'register' ? 'PUT' : 'POST');

/** Sends one request; returns `{status, headers, type, body}`, the body parsed where it is JSON of some kind. */
export async function send(server, { method = 'GET', path = PATH, headers = {}, body } = {}) {
  const options = { method, headers, body, duplex: 'half', redirect: 'manual' };
  const response = await within(fetch(server.url + path, options), `an answer to ${method} ${path}`);
  const type = response.headers.get('content-type')?.split(';')[0] ?? null;
  const text = await within(response.text(), `the body of ${method} ${path}`);
  return {
    status: response.status,
    headers: response.headers,
    type,
    body: type?.endsWith('json') && text !== '' ? JSON.parse(text) : text,
  };
}

/** Sends a request of the protocol, serialised here unless it is a string already. */
export function call(server, body, { method = methodFor(body), headers = {}, ...rest } = {}) {
  return send(server, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...rest,
  });
}

// Whose address counts when a proxy stands in front: the forwarded one, but only if the proxy is trusted.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANNA } from './support/cycle.js';
import { call } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { rawWebSocket } from './support/ways.js';

const REGISTER = { action: 'register', parameters: { information: ANNA } };

/** A server on which an address may register once a minute, behind proxies of these networks. */
const behind = (t, trusted) =>
  startServer(t, {
    env: { NILE_LIMITS_EXEMPT: '', NILE_LIMITS_REGISTRATIONS_PER_MINUTE: '1', NILE_TRUSTED_PROXIES: trusted },
  });

/** The status of a registration that comes with these headers. */
const register = async (server, headers) => (await call(server, REGISTER, { headers })).status;

test('an address that a trusted proxy forwards is the one that counts', async (t) => {
  const server = await behind(t, '127.0.0.0/8,192.0.2.0/24');
  /** Each address may register once: two headers that mean the same address are told by the second one's 429. */
  const cases = [
    ['a first address', { 'x-forwarded-for': '203.0.113.1' }, 200],
    ['the same again', { 'x-forwarded-for': '203.0.113.1' }, 429],
    ['another address', { 'x-forwarded-for': '203.0.113.2' }, 200],
    ['what the peer of the proxy claimed is not believed', { 'x-forwarded-for': '198.51.100.7, 203.0.113.1' }, 429],
    ['nor any other claim of it', { 'x-forwarded-for': '198.51.100.8, 203.0.113.1' }, 429],
    ['a second trusted proxy is looked through', { 'x-forwarded-for': '203.0.113.1, 192.0.2.9' }, 429],
    ['and so an address behind two proxies', { 'x-forwarded-for': '203.0.113.3, 192.0.2.9' }, 200],
    ['the standard header, same address', { forwarded: 'for=203.0.113.2;proto=https' }, 429],
    ['the standard header, another address', { forwarded: 'for=203.0.113.4' }, 200],
    ['an IPv6 address', { 'x-forwarded-for': '2001:db8::1' }, 200],
    ['the same, written in the standard header', { forwarded: 'for="[2001:db8::1]:4711"' }, 429],
    ['the same, written longer', { 'x-forwarded-for': '2001:0db8:0000:0000::0001' }, 429],
    ['no header: the proxy itself', {}, 200],
    ['no header again', {}, 429],
  ];
  for (const [what, headers, status] of cases) {
    await t.test(`${what}: ${status}`, async () => assert.equal(await register(server, headers), status));
  }
});

test('the forwarded address counts on every way in', async (t) => {
  const server = await behind(t, '127.0.0.0/8');
  const opens = [
    (headers) => rawWebSocket({ headers })(server),
    async (headers) => {
      const connection = await SocketIoConnection.open(server, { extraHeaders: headers });
      return { ask: (body) => connection.request(body) };
    },
    async (headers) => {
      const options = { version: 2, transports: ['polling'], extraHeaders: headers };
      const connection = await SocketIoConnection.open(server, options);
      return { ask: (body) => connection.request(body) };
    },
  ];
  for (const [index, open] of opens.entries()) {
    const address = `203.0.113.${index + 1}`;
    const way = await open({ 'x-forwarded-for': address });
    assert.equal((await way.ask(REGISTER)).action, 'registered');
    assert.equal((await way.ask(REGISTER)).parameters.code, 'rate_limited');
    assert.equal(await register(server, { 'x-forwarded-for': address }), 429);
  }
  assert.equal(await register(server, { 'x-forwarded-for': '203.0.113.200' }), 200);
});

for (const [what, trusted] of [
  ['no proxy is trusted', ''],
  ['the peer is not a trusted proxy', '192.0.2.0/24'],
]) {
  test(`where ${what}, nobody is somebody else by saying so`, async (t) => {
    const server = await behind(t, trusted);
    assert.equal(await register(server, { 'x-forwarded-for': '203.0.113.1' }), 200);
    assert.equal(await register(server, { 'x-forwarded-for': '203.0.113.2' }), 429);
    assert.equal(await register(server, { forwarded: 'for=203.0.113.3' }), 429);
    assert.equal(await register(server, { 'x-real-ip': '203.0.113.4' }), 429);
    assert.equal(await register(server, {}), 429);
  });
}

// Who may hear by server-sent events, how it is refused to the others, and what ends a stream.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import { until, within } from './support/deadline.js';
import { EventStream, Listener, bearer, eventsOf, waitFor } from './support/events.js';
import { send } from './support/http.js';
import { OTHER, numbers, pair, range, sendAll } from './support/pair.js';
import { startServer } from './support/server.js';
import { checkProblem } from './support/ways.js';

/** The two ways of hearing: both are asked for alike. */
const QUERIES = { 'a stream': '', 'one answer': '?wait=5' };

for (const kind of ['client', 'node']) {
  test(`events of a ${kind}`, async (t) => {
    const server = await startServer(t);
    const { client, node } = await pair(server);
    const { [kind]: listener, [OTHER[kind]]: other } = { client, node };
    const { token } = listener;
    const get = (headers, query = '') => send(server, { path: eventsOf(kind, query), headers });

    for (const [what, query] of Object.entries(QUERIES)) {
      await t.test(`${what} is refused without a good token`, async () => {
        for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: token }]) {
          checkProblem(await get(headers, query), 'invalid_parameters', 'token');
        }
        const foreign = other.token;
        const wrong = [foreign, foreign.replace(/^nl./, token.slice(0, 3)), `${token.slice(0, -4)}AAAA`, token.toUpperCase(), 'SECRET'];
        for (const text of wrong) {
          const answer = await get(bearer(text), query);
          checkProblem(answer, 'invalid_token');
          assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
        }
        const inQuery = `${query || '?'}&token=${token}`;
        checkProblem(await get({}, inQuery), 'invalid_parameters', 'token');
      });
    }

    await t.test('there is no other method, and no path behind', async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'HEAD']) {
        const answer = await send(server, { method, path: eventsOf(kind), headers: bearer(token) });
        assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET'], method);
      }
      for (const path of [`${eventsOf(kind)}/`, `${eventsOf(kind)}/x`, `/${kind}/to/${OTHER[kind]}/events`]) {
        assert.equal((await send(server, { path, headers: bearer(token) })).status, 404, path);
      }
    });

    await t.test('what is no number is refused, and says which', async () => {
      const no = ['x', '-1', '1.5', '1e3', '0x1', '١', '1 2'];
      for (const text of [...no, '', '99999999999']) {
        checkProblem(await get(bearer(token), `?wait=${encodeURIComponent(text)}`), 'invalid_parameters', 'wait');
        checkProblem(await get(bearer(token), `?wait=0&limit=${encodeURIComponent(text)}`), 'invalid_parameters', 'limit');
      }
      for (const text of [...no.filter((text) => text !== '١'), '9223372036854775808', 'é']) {
        const headers = { ...bearer(token), 'last-event-id': text };
        checkProblem(await get(headers), 'invalid_parameters', 'Last-Event-ID');
      }
    });

    await t.test('a stream ends when its token is replaced, and one with the new token stays', async () => {
      await listener.come();
      const old = listener.stream;
      const { token: next } = await listener.accepted('tokenRotated', { action: 'rotateToken', parameters: { token } });
      const [queueId] = await sendAll(other, listener, 1, 1);
      assert.equal((await listener.next()).queue_id, queueId, 'the new token has not been used yet');
      listener.token = next;
      await listener.come();
      assert.equal(await within(old.ended, 'the stream to end'), 'ended');
      await sendAll(other, listener, 2, 2);
      assert.deepEqual(numbers([await listener.next(), await listener.next()]), [1, 2]);
      checkProblem(await get(bearer(token)), 'invalid_token');
    });

    await t.test(`a stream ends when the ${kind} is deleted`, async () => {
      await listener.accepted('deleted', { action: 'delete', parameters: { token: listener.token } });
      await listener.lost();
      checkProblem(await get(bearer(listener.token)), 'invalid_token');
    });
  });
}

test('a page of another origin may hear events, and come back with Last-Event-ID', async (t) => {
  const server = await startServer(t);
  const { client } = await pair(server);
  const origin = 'https://shop.example';
  const asked = await send(server, {
    method: 'OPTIONS',
    path: eventsOf('client'),
    headers: {
      origin,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization,last-event-id',
    },
  });
  assert.ok([200, 204].includes(asked.status), `${asked.status}`);
  const words = (name) => asked.headers.get(name).toLowerCase().split(/\s*,\s*/);
  assert.ok(words('access-control-allow-methods').includes('get'));
  for (const name of ['authorization', 'last-event-id']) assert.ok(words('access-control-allow-headers').includes(name), name);
  const { headers } = await EventStream.open(server, { ...client, headers: { origin } });
  assert.equal(headers.get('access-control-allow-origin'), '*');
});

/** A server that exempts nobody and has this limit. */
const limited = (t, name, value) => startServer(t, { env: { NILE_LIMITS_EXEMPT: '', [`NILE_LIMITS_${name}`]: value } });

test('whoever asks for events too often on one connection is told to wait', async (t) => {
  const server = await limited(t, 'REQUESTS_PER_SECOND', '1');
  const client = await Listener.register(server, 'client');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  server.onDispose(() => agent.destroy());
  const ask = () =>
    new Promise((resolve, reject) => {
      const options = { agent, headers: bearer(client.token) };
      http.get(server.url + eventsOf('client', '?wait=0'), options, (response) => {
        response.resume().once('end', () => resolve([response.statusCode, Number(response.headers['retry-after'])]));
      }).once('error', reject);
    });
  const answers = [];
  while (answers.length < 5) answers.push(await within(ask(), 'an answer'));
  assert.deepEqual(answers[0], [200, NaN]);
  const refused = answers.filter(([status]) => status === 429);
  assert.ok(refused.length > 0 && refused.every(([, after]) => after >= 1), JSON.stringify(answers));
});

test('whoever asks with tokens that are not valid too often is told to wait, with good ones, too', async (t) => {
  const server = await limited(t, 'FAILED_LOGINS_PER_MINUTE', '3');
  const client = await Listener.register(server, 'client');
  const wrong = { token: `nlc_1_${'A'.repeat(43)}` };
  for (const query of ['', '?wait=0', '?wait=9']) checkProblem(await waitFor(server, wrong, query), 'invalid_token');
  for (const query of ['', '?wait=0']) checkProblem(await waitFor(server, client, query), 'rate_limited');
});

const KIB = 1024;

/** A stream whose reader takes the head of the answer, and then nothing. */
async function deaf(server, { kind, token }) {
  const request = http.get(server.url + eventsOf(kind), { headers: bearer(token), agent: false });
  server.onDispose(() => request.destroy());
  request.on('error', () => {});
  const response = await within(new Promise((resolve) => request.once('response', resolve)), 'a stream');
  assert.equal(response.statusCode, 200);
  return response;
}

/** More than the buffers of the system and of the server take. */
const FLOOD = 250;
const ROOM = { NILE_MESSAGES_PER_PAIR: '1000', NILE_MESSAGES_BYTES_PER_RECIPIENT: `${64 * KIB * KIB}` };

for (const kind of ['client', 'node']) {
  test(`a ${kind} that reads nothing is cut off, and loses nothing`, async (t) => {
    const log = { NILE_LOG_LEVEL: 'info,nile_instance::server::accept=debug' };
    const server = await startServer(t, { env: { ...ROOM, ...log, NILE_LIMITS_WRITE_SECONDS: '1' } });
    const parties = await pair(server);
    const { [kind]: listener, [OTHER[kind]]: sender } = parties;
    await deaf(server, listener);
        await sendAll(sender, listener, 1, FLOOD, { padding: 'x'.repeat(60 * KIB) });
    await until(() => server.log.includes('an HTTP connection broke'), 'it to be cut off');
    await listener.come();
    const messages = [];
    while (messages.length < FLOOD) messages.push(await listener.next());
    assert.deepEqual(numbers(messages), range(1, FLOOD));
    assert.equal((await listener.process()).total, FLOOD);
  });
}

test('a reader that reads nothing does not hold the server up when it ends', async (t) => {
  const server = await startServer(t, { env: { ...ROOM, NILE_DRAIN_SECONDS: '1' } });
  const { client, node } = await pair(server);
  await deaf(server, client);
  await sendAll(node, client, 1, FLOOD, { padding: 'x'.repeat(60 * KIB) });
  const began = Date.now();
  await server.stop();
  assert.ok(Date.now() - began < 4000, 'it ends when the time to drain is over');
  await server.start();
  assert.equal((await client.process()).total, FLOOD);
});

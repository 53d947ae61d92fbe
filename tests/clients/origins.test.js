// Which web pages may talk to the instance from a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ANNA } from './support/cycle.js';
import { call, send } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { checkProblem } from './support/ways.js';
import { NotOpened, RawConnection } from './support/websocket.js';

const GOOD = 'https://shop.example';
const ALSO_GOOD = 'http://localhost:8080';
const BAD = [
  'https://evil.example',
  'http://shop.example',
  'https://shop.example:8443',
  'https://www.shop.example',
  'https://shop.example.evil.example',
  'https://notshop.example',
  'null',
  'https://shop.exampl',
];
const POLLING = '/socket.io/?EIO=4&transport=polling';
const SOCKET_IO_WEBSOCKET = '/socket.io/?EIO=4&transport=websocket';

/** What a browser asks before it sends JSON to another origin. */
const preflight = (server, origin, method = 'PUT') =>
  send(server, {
    method: 'OPTIONS',
    path: '/client/to/instance',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type',
    },
  });

const words = (headers, name) => (headers.get(name) ?? '').toLowerCase().split(/\s*,\s*/);
const allowOrigin = (answer) => answer.headers.get('access-control-allow-origin');

function checkPreflight(answer, origin) {
  assert.ok(answer.status === 200 || answer.status === 204, `${answer.status}`);
  assert.ok(['*', origin].includes(allowOrigin(answer)), allowOrigin(answer));
  const methods = words(answer.headers, 'access-control-allow-methods');
  assert.ok(methods.includes('put') && methods.includes('post'), methods.join());
  const headers = words(answer.headers, 'access-control-allow-headers');
  assert.ok(headers.includes('content-type') && headers.includes('authorization'), headers.join());
  assert.equal(answer.headers.get('access-control-allow-credentials'), null);
}

test('any page may talk to the instance by default, without credentials', async (t) => {
  const server = await startServer(t);
  for (const origin of [GOOD, 'null', 'http://localhost:3000']) {
    await t.test(origin, async () => {
      checkPreflight(await preflight(server, origin), origin);
      const served = await call(server, { action: 'ping' }, { headers: { origin } });
      const refused = await call(server, { action: 'login', token: 'x' }, { headers: { origin } });
      const malformed = await call(server, '{', { headers: { origin }, method: 'POST' });
      const unsupported = await call(server, '{', { headers: { origin, 'content-type': 'text/plain' }, method: 'POST' });
      const polling = await send(server, { path: POLLING, headers: { origin } });
      for (const answer of [served, refused, malformed, unsupported, polling]) {
        assert.ok(['*', origin].includes(allowOrigin(answer)), 'a page may read refusals too');
        assert.equal(answer.headers.get('access-control-allow-credentials'), null);
      }
      assert.deepEqual([served.status, refused.status, malformed.status], [200, 401, 400]);
      const raw = await RawConnection.open(server, { origin });
      await raw.request({ action: 'ping' });
    });
  }
});

test('a list of origins', async (t) => {
  const server = await startServer(t, { env: { NILE_ALLOWED_ORIGINS: `${GOOD},${ALSO_GOOD}` } });

  for (const origin of [GOOD, ALSO_GOOD]) {
    await t.test(`lets ${origin} in everywhere`, async () => {
      checkPreflight(await preflight(server, origin), origin);
      const served = await call(server, { action: 'ping' }, { headers: { origin } });
      const polling = await send(server, { path: POLLING, headers: { origin } });
      for (const answer of [served, polling]) {
        assert.equal(answer.status, 200);
        assert.equal(allowOrigin(answer), origin);
        assert.ok(words(answer.headers, 'vary').includes('origin'), 'a cache must not give this answer to another page');
        assert.equal(answer.headers.get('access-control-allow-credentials'), null);
      }
      const raw = await RawConnection.open(server, { origin });
      await raw.request({ action: 'ping' });
      for (const version of [2, 3, 4]) {
        for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
          const options = { version, transports, extraHeaders: { origin } };
          const connection = await SocketIoConnection.open(server, options);
          await connection.request({ action: 'ping' });
          connection.close();
        }
      }
    });
  }

  for (const origin of BAD) {
    await t.test(`keeps ${origin} out everywhere`, async () => {
      assert.equal(allowOrigin(await preflight(server, origin)), null);
      const body = { action: 'register', parameters: { information: ANNA } };
      const refused = await call(server, body, { headers: { origin } });
      checkProblem(refused, 'forbidden');
      assert.equal(allowOrigin(refused), null);
      const polling = await send(server, { path: POLLING, headers: { origin } });
      assert.equal(polling.status, 403);
      assert.equal(allowOrigin(polling), null);
      for (const path of ['/ws', SOCKET_IO_WEBSOCKET]) {
        await assert.rejects(RawConnection.open(server, { path, origin }), (error) => {
          assert.ok(error instanceof NotOpened);
          assert.equal(error.status, 403, path);
          return true;
        });
      }
      await assert.rejects(SocketIoConnection.open(server, { extraHeaders: { origin } }));
    });
  }

  await t.test('does not hinder what is not a browser', async () => {
    assert.equal((await call(server, { action: 'ping' })).status, 200);
    const raw = await RawConnection.open(server);
    await raw.request({ action: 'ping' });
    const connection = await SocketIoConnection.open(server, { transports: ['polling', 'websocket'] });
    await connection.request({ action: 'ping' });
  });

  await t.test('is asked on a polling session that is under way as well', async () => {
    const opened = await send(server, { path: POLLING, headers: { origin: GOOD } });
    const { sid } = JSON.parse(opened.body.slice(1));
    const path = `${POLLING}&sid=${sid}`;
    const stolen = await send(server, { method: 'POST', path, headers: { origin: BAD[0] }, body: '40' });
    assert.equal(stolen.status, 403);
  });
});

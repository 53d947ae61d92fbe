// The limits that keep one peer from spending what all share. Each is configured small and then exceeded.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { PATIENCE, until, within } from './support/deadline.js';
import { ANNA, register } from './support/cycle.js';
import { PATH, call, send } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { WAYS, checkProblem, checkRefusal, http, rawWebSocket } from './support/ways.js';
import { NotOpened, RawConnection } from './support/websocket.js';

const KIB = 1024;
const LOGIN = { action: 'login', parameters: { token: `nlc_1_${'A'.repeat(43)}` } };
const REGISTER = { action: 'register', parameters: { information: ANNA } };

/** A server that exempts nobody and has these limits, written as in the configuration: `{requests_per_second: 5}`. */
const limited = (t, limits, more) => {
  const env = Object.entries(limits).map(([key, value]) => [`NILE_LIMITS_${key.toUpperCase()}`, String(value)]);
  return startServer(t, { env: { NILE_LIMITS_EXEMPT: '', ...Object.fromEntries(env), ...more } });
};

/** A ping whose JSON has about so many bytes. */
const padded = (bytes) => ({ action: 'ping', parameters: { padding: 'x'.repeat(bytes) } });

test('a message of 64 KiB', async (t) => {
  const server = await startServer(t);

  for (const [name, open] of Object.entries(WAYS)) {
    await t.test(`${name}: nearly so much is served`, async () => {
      const way = await open(server);
      assert.deepEqual(await way.accepted(padded(64 * KIB - 200)), { success: true });
    });
  }

  await t.test('more of it over HTTP is refused', async () => {
    checkProblem(await call(server, padded(64 * KIB)), 'too_large');
  });

  await t.test('more of it over HTTP without a length is refused', async () => {
    const body = new Blob([JSON.stringify(padded(64 * KIB))]).stream();
    const headers = { 'content-type': 'application/json' };
    checkProblem(await send(server, { method: 'POST', path: PATH, headers, body }), 'too_large');
  });

  await t.test('more of it on a bare WebSocket closes it with 1009', async () => {
    for (const fragmented of [false, true]) {
      const { socket, closed } = await RawConnection.open(server);
      const frame = JSON.stringify({ event: 'client.to.instance', body: padded(64 * KIB) });
      socket.send(frame.slice(0, 40_000), { fin: !fragmented });
      if (fragmented) socket.send(frame.slice(40_000), { fin: true });
      else socket.send(frame);
      assert.equal((await within(closed, 'the connection to be closed')).code, 1009);
    }
  });

  await t.test('more of it on Socket.IO closes the connection', async () => {
    for (const version of [2, 3, 4]) {
      for (const transports of [['websocket'], ['polling']]) {
        const connection = await SocketIoConnection.open(server, { version, transports });
        connection.emit(padded(64 * KIB));
        await within(connection.closed, `Socket.IO ${version} over ${transports} to be closed`);
      }
    }
  });

  await t.test('the handshake of Socket.IO 4 announces it', async () => {
    const { body } = await send(server, { path: '/socket.io/?EIO=4&transport=polling' });
    assert.equal(JSON.parse(body.slice(1)).maxPayload, 64 * KIB);
  });
});

test('the size of a message and of information is as configured', async (t) => {
  const server = await limited(t, { message_bytes: 2000, information_bytes: 100 });
  checkProblem(await call(server, padded(2000)), 'too_large');
  const { connection } = await rawWebSocket()(server);
  connection.send('x'.repeat(2001));
  assert.equal((await within(connection.closed, 'the connection to be closed')).code, 1009);

  const way = await http(server);
  await way.accepted(padded(1000));
  await way.refused({ action: 'register', parameters: { information: { a: 'x'.repeat(100) } } }, 'invalid_information');
  await way.accepted({ action: 'register', parameters: { information: { a: 'x'.repeat(90) } } });
});

for (const [name, open] of Object.entries(WAYS)) {
  test(`${name}: registrations are counted`, async (t) => {
    const server = await limited(t, { registrations_per_minute: 3 });
    const way = await open(server);
    for (let times = 0; times < 3; times += 1) await way.accepted({ ...REGISTER, id: times });
    const refusal = await way.refused({ ...REGISTER, id: 'fourth' }, 'rate_limited');
    assert.ok(refusal.retry_after <= 60, `${refusal.retry_after}`);
    await way.accepted({ action: 'ping' });
    await (await http(server)).refused(REGISTER, 'rate_limited');
  });

  test(`${name}: failed logins are counted, and those that succeed are not`, async (t) => {
    const server = await limited(t, { failed_logins_per_minute: 3 });
    const way = await open(server);
    const { token } = await register(way);
    for (let times = 0; times < 10; times += 1) await way.accepted({ action: 'login', parameters: { token } });
    for (let times = 0; times < 3; times += 1) await way.refused({ ...LOGIN, id: times }, 'invalid_token');
    const refusal = await way.refused({ ...LOGIN, id: 'fourth' }, 'rate_limited');
    assert.ok(refusal.retry_after <= 60, `${refusal.retry_after}`);
  });
}

test('over HTTP the header says as well when to come again', async (t) => {
  const server = await limited(t, { registrations_per_minute: 1 });
  assert.equal((await call(server, REGISTER)).status, 200);
  const answer = await call(server, REGISTER);
  const { retry_after: seconds } = checkProblem(answer, 'rate_limited');
  assert.equal(answer.headers.get('retry-after'), String(seconds));
});

for (const name of ['Socket.IO 4 events', 'Socket.IO 2 acknowledgements', 'a bare WebSocket']) {
  test(`${name}: requests are counted a second and a connection`, async (t) => {
    const server = await limited(t, { requests_per_second: 5 });
    const [way, other] = [await WAYS[name](server), await WAYS[name](server)];
    const refusal = await until(async () => {
      const reply = await way.ask({ action: 'ping', id: 'x' });
      return reply.action === 'pingFailed' ? reply : undefined;
    }, 'a ping to be refused');
    assert.equal(refusal.id, 'x');
    checkRefusal(refusal.parameters, 'rate_limited');
    await other.accepted({ action: 'ping' });
    await until(async () => (await way.ask({ action: 'ping' })).action === 'pinged', 'pings to be served again');
  });
}

test('a flood of malformed frames is closed, with a reason', async (t) => {
  const server = await limited(t, { requests_per_second: 5 });
  const { socket, closed } = await RawConnection.open(server);
  for (let times = 0; times < 5000; times += 1) socket.send('{');
  assert.equal((await within(closed, 'the connection to be closed')).code, 1008);
});

test('connections of one address are counted, and a place is free again when one ends', async (t) => {
  const server = await limited(t, { connections_per_address: 3 });
  const open = () => RawConnection.open(server);
  const connections = [await open(), await open(), await open()];
  await assert.rejects(open, NotOpened);
  connections[0].close();
  await connections[0].closed;
  const fourth = await until(() => open().catch(() => false), 'a place to be free');
  await fourth.request({ action: 'ping' });
  await connections[1].request({ action: 'ping' });
});

test('what is refused counts against the rate like what is served', async (t) => {
  const server = await limited(t, { requests_per_second: 1 });
  const connection = await RawConnection.open(server);
  const limitedNow = async () => {
    const { action, id, parameters } = await connection.request({ action: 'jump', id: 7 });
    assert.deepEqual({ action, id }, { action: 'error', id: 7 });
    checkRefusal(parameters, parameters.code === 'rate_limited' ? 'rate_limited' : 'unknown_action');
    return parameters.code === 'rate_limited';
  };
  await until(limitedNow, 'a refusal by rate');
});

test('a page that is turned away at the door can read why', async (t) => {
  const server = await limited(t, { connections_per_address: 1 });
  await RawConnection.open(server);
  const answer = await send(server, { path: '/readyz', headers: { origin: 'https://shop.example' } });
  checkProblem(answer, 'rate_limited');
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  assert.equal(answer.headers.get('access-control-expose-headers'), 'retry-after');
  assert.match(answer.headers.get('retry-after'), /^\d+$/);
});

test('connections are counted in total', async (t) => {
  const server = await limited(t, { connections: 2 });
  const connections = [await RawConnection.open(server), await RawConnection.open(server)];
  await assert.rejects(() => RawConnection.open(server), NotOpened);
  for (const connection of connections) await connection.request({ action: 'ping' });
});

test('new connections a minute are counted', async (t) => {
  const server = await limited(t, { new_connections_per_minute: 3 });
  const connections = [];
  for (let times = 0; times < 3; times += 1) connections.push(await RawConnection.open(server));
  connections[0].close();
  await connections[0].closed;
  await assert.rejects(() => RawConnection.open(server), NotOpened);
  await connections[1].request({ action: 'ping' });
});

test('polling sessions of one address are counted', async (t) => {
  const server = await limited(t, { polling_sessions_per_address: 2 });
  const handshake = () => send(server, { path: '/socket.io/?EIO=4&transport=polling' });
  assert.equal((await handshake()).status, 200);
  assert.equal((await handshake()).status, 200);
  const third = await handshake();
  assert.ok([429, 503].includes(third.status), `${third.status}`);
  const connection = await SocketIoConnection.open(server, { transports: ['websocket'] });
  await connection.request({ action: 'ping' });
});

test('a session that has changed to a WebSocket is no polling session any more, but a connection', async (t) => {
  const server = await limited(t, { polling_sessions_per_address: 1, connections_per_address: 10 });
  const transports = ['polling', 'websocket'];
  const changed = [];
  for (let count = 0; count < 2; count += 1) {
    changed.push(await SocketIoConnection.open(server, { transports }));
  }
  for (const connection of changed) await connection.request({ action: 'ping' });
  let opened = 0;
  const refused = async () => {
    const connection = await RawConnection.open(server).catch((error) => {
      assert.ok(error instanceof NotOpened);
      return null;
    });
    opened += connection === null ? 0 : 1;
    return connection === null;
  };
  await until(refused, 'the places to be taken');
  assert.ok(opened >= 1 && opened <= 8, `${opened} places beside the two that changed`);
});

test('nothing is counted for exempt networks', async (t) => {
  const tiny = { registrations_per_minute: 1, requests_per_second: 1, failed_logins_per_minute: 1, new_connections_per_minute: 1 };
  const server = await limited(t, tiny, { NILE_LIMITS_EXEMPT: '127.0.0.0/8' });
  for (const [name, open] of Object.entries(WAYS)) {
    await t.test(name, async () => {
      const way = await open(server);
      for (let times = 0; times < 5; times += 1) {
        await register(way);
        await way.refused(LOGIN, 'invalid_token');
      }
    });
  }
});

test('whoever says nothing is not waited for', async (t) => {
  const server = await limited(t, { handshake_seconds: 1 });
  for (const [what, bytes] of [
    ['no byte', ''],
    ['half a request', 'GET /ws HTTP/1.1\r\nHost: x\r\nUpg'],
    ['a body that does not come', `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`],
  ]) {
    await t.test(what, async () => {
      const socket = net.connect(server.port, '127.0.0.1');
      server.onDispose(() => socket.destroy());
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => {});
      socket.resume();
      socket.write(bytes);
      await within(closed, 'the connection to be closed', PATIENCE);
    });
  }
});

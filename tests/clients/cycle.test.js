// register -> login -> update -> login, with every client we know of, over a restart of the server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { ANNA, MOVED, goThrough, logged, register, stillThere, TOKEN } from './support/cycle.js';
import { PATH } from './support/http.js';
import { startServer } from './support/server.js';
import { PLAIN, SPEC, SocketIoConnection, TRANSPORTS, VERSIONS } from './support/socketio.js';
import { byAcknowledgements, byEvents, http, rawWebSocket } from './support/ways.js';
import { RawConnection } from './support/websocket.js';

const IDS = [1, 0, 2 ** 53 - 1, 'order-1', 'ü'.repeat(32)];

for (const version of VERSIONS) {
  for (const [travel, transports] of Object.entries(TRANSPORTS)) {
    test(`a client of Socket.IO ${version}, ${travel}`, async (t) => {
      const server = await startServer(t);
      const open = () => SocketIoConnection.open(server, { version, transports });
      let connection = await open();
      let client;

      await t.test('goes through the cycle with plain events, answered under both names', async () => {
        client = await goThrough(byEvents(connection));
        assert.equal(connection.unread, 0, 'each answer comes once under each name');
      });

      await t.test('goes through the cycle with acknowledgements, and hears nothing else', async () => {
        await goThrough(byAcknowledgements(connection));
        const refusal = await connection.ask({ action: 'login', parameters: { token: 'x' } });
        assert.equal(refusal.action, 'loginFailed');
        await connection.request({ action: 'ping' });
        assert.equal(connection.unread, 0, 'what was acknowledged is not said as an event as well');
      });

      await t.test('has its id in the answer', async () => {
        for (const id of IDS) {
          const pinged = { action: 'pinged', parameters: { success: true }, id };
          assert.deepEqual(await connection.request({ action: 'ping', id }), pinged);
          assert.deepEqual(await connection.ask({ action: 'ping', id }), pinged);
        }
      });

      await t.test('has further arguments ignored', async () => {
        connection.socket.emit('client.to.instance', { action: 'ping' }, 'and', ['more']);
        assert.deepEqual(await connection.next(), { action: 'pinged', parameters: { success: true } });
      });

      await t.test('finds itself again when the server has been restarted', async () => {
        await server.restart();
        await connection.closed;
        connection = await open();
        await stillThere(byEvents(connection), client);
      });
    });
  }
}

for (const version of VERSIONS) {
  test(`a client of Socket.IO ${version} comes back by itself when the server has been restarted`, async (t) => {
    const server = await startServer(t);
    const connection = await SocketIoConnection.open(server, { version, reconnection: true, reconnectionDelay: 50 });
    const client = await goThrough(byEvents(connection));
    const back = new Promise((resolve) => connection.socket.on('connect', resolve));
    await server.restart({ samePort: true });
    await back;
    await stillThere(byEvents(connection), client);
    connection.close();
  });
}

test('the messages of the specification page are answered as it says, to the letter', async (t) => {
  const server = await startServer(t);
  const { socket, heard } = await SocketIoConnection.open(server, { version: 2 });
  const say = async (body) => {
    socket.emit('client.to.instance', body);
    return heard[SPEC].next(`an event ${SPEC}`);
  };

  const registered = await say({ action: 'register', parameters: { information: ANNA } });
  assert.equal(registered.action, 'registered');
  const { token } = registered.parameters;
  assert.equal(typeof token, 'string');

  const welcome = await say({ action: 'login', parameters: { token } });
  assert.equal(welcome.action, 'logged');
  assert.deepEqual(welcome.parameters.queue, []);

  const updated = await say({ action: 'update', parameters: { token, information: MOVED } });
  assert.deepEqual(updated, { action: 'updated', parameters: {} });

  const failed = await say({ action: 'login', parameters: { token: 'SECRET_TOKEN' } });
  assert.equal(failed.action, 'loginFailed');
  assert.equal(failed.parameters.msg, 'token not valid');
});

test('a bare WebSocket', async (t) => {
  const server = await startServer(t);
  const open = rawWebSocket();
  const way = await open(server);
  let client;

  await t.test('goes through the cycle', async () => {
    client = await goThrough(way);
    assert.equal(way.connection.unread, 0, 'one frame for each answer');
  });

  await t.test('has its id in the answer', async () => {
    for (const id of IDS) await way.accepted({ action: 'ping', id });
  });

  await t.test('finds itself again when the server has been restarted', async () => {
    await server.restart();
    await way.connection.closed;
    await stillThere(await open(server), client);
  });

  await t.test('hears the other spelling where it asks for it', async () => {
    const plain = await RawConnection.open(server, { path: '/ws?spelling=plain', name: PLAIN });
    await plain.request({ action: 'ping' });
    const spec = await RawConnection.open(server, { path: '/ws?spelling=spec', name: SPEC });
    await spec.request({ action: 'ping' });
  });
});

test('HTTP', async (t) => {
  const server = await startServer(t);
  const way = await http(server);
  let client;

  await t.test('goes through the cycle, and the body is the parameters alone', async () => {
    client = await goThrough(way);
    assert.deepEqual(await way.accepted({ action: 'ping', id: 'not in the body' }), { success: true });
  });

  await t.test('finds itself again when the server has been restarted', async () => {
    await server.restart();
    await stillThere(way, client);
  });
});

test('curl registers, logs in and updates', async (t) => {
  const server = await startServer(t);
  const run = promisify(execFile);
  const curl = async (method, body, ...options) => {
    const json = ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)];
    const { stdout } = await run('curl', ['-sS', '--fail', '-X', method, ...json, ...options, server.url + PATH]);
    return JSON.parse(stdout);
  };
  const { token, id } = await curl('PUT', { action: 'register', parameters: { information: ANNA } });
  assert.match(token, TOKEN);
  const bearer = ['-H', `Authorization: Bearer ${token}`];
  assert.deepEqual(await curl('POST', { action: 'login' }, ...bearer), logged(id, ANNA));
  assert.deepEqual(await curl('POST', { action: 'update', parameters: { information: MOVED } }, ...bearer), {});
  assert.deepEqual(await curl('POST', { action: 'login' }, ...bearer), logged(id, MOVED));
});

test('a client that registered on one way logs in on every other', async (t) => {
  const server = await startServer(t);
  const ways = [
    await http(server),
    await rawWebSocket()(server),
    byEvents(await SocketIoConnection.open(server, { version: 4 })),
    byEvents(await SocketIoConnection.open(server, { version: 2, transports: ['polling'] })),
  ];
  for (const from of ways) {
    const { token, id } = await register(from);
    for (const to of ways) {
      assert.deepEqual(await to.accepted({ action: 'login', parameters: { token } }), logged(id, ANNA));
    }
  }
});

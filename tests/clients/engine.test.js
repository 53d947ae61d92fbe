// What protects a Socket.IO session and keeps it alive. Its protocol is tested beside its code.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Inbox, within } from './support/deadline.js';
import { send } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection, TRANSPORTS, VERSIONS } from './support/socketio.js';
import { RawConnection, cannotJoin } from './support/websocket.js';

const polling = (sid) => `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
const websocket = (sid) => `/socket.io/?EIO=4&transport=websocket&sid=${sid}`;

test('a session whose transport is websocket cannot be joined', async (t) => {
  const server = await startServer(t);
  for (const transports of [['websocket'], ['polling', 'websocket']]) {
    await t.test(transports.join(' upgraded to '), async () => {
      const connection = await SocketIoConnection.open(server, { version: 4, transports });
      // A client takes itself for changed before the server has read so; an answer shows that it has.
      await connection.request({ action: 'ping' });
      const sid = connection.socket.io.engine.id;
      const read = await send(server, { path: polling(sid) });
      assert.equal(read.status, 400);
      const written = await send(server, { method: 'POST', path: polling(sid), body: '42["client.to.instance",{"action":"ping"}]' });
      assert.equal(written.status, 400);
      await cannotJoin(server, websocket(sid));
      await connection.request({ action: 'ping' });
      assert.equal(connection.unread, 0);
    });
  }
});

test('a session that does not exist cannot be joined', async (t) => {
  const server = await startServer(t);
  for (const sid of ['', 'x', 'A'.repeat(20), '../../x']) {
    assert.equal((await send(server, { method: 'POST', path: polling(encodeURIComponent(sid)), body: '40' })).status, 400, sid);
    if (sid !== '') await cannotJoin(server, websocket(encodeURIComponent(sid)));
  }
});

test('a client that answers heartbeats stays', { concurrency: true }, async (t) => {
  const env = { NILE_HEARTBEAT_INTERVAL_SECONDS: '1', NILE_HEARTBEAT_TIMEOUT_SECONDS: '2' };
  const server = await startServer(t, { env });
  await Promise.all(
    VERSIONS.flatMap((version) =>
      Object.entries(TRANSPORTS).map(([travel, transports]) =>
        t.test(`Socket.IO ${version}, ${travel}`, async () => {
          const connection = await SocketIoConnection.open(server, { version, transports });
          // Version 2 asks and the server answers; since version 3 it is the other way round.
          const beat = version === 2 ? 'pong' : 'ping';
          const beats = new Inbox();
          connection.socket.io.engine.on('packet', ({ type }) => type === beat && beats.put(type));
          for (let count = 1; count <= 3; count += 1) await beats.next(`heartbeat ${count}`);
          await connection.request({ action: 'ping' });
        }),
      ),
    ),
  );
});

test('a client that answers no heartbeat is closed', { concurrency: true }, async (t) => {
  const env = { NILE_HEARTBEAT_INTERVAL_SECONDS: '1', NILE_HEARTBEAT_TIMEOUT_SECONDS: '1' };
  const server = await startServer(t, { env });

  const silent = {
    'Engine.IO 4': { path: '/socket.io/?EIO=4&transport=websocket' },
    'Engine.IO 3': { path: '/socket.io/?EIO=3&transport=websocket' },
    'a bare WebSocket': { autoPong: false },
  };
  await Promise.all(
    Object.entries(silent).map(([what, options]) =>
      t.test(what, async () => {
        const connection = await RawConnection.open(server, options);
        await within(connection.closed, 'the connection to be closed');
      }),
    ),
  );
});

test('a bare WebSocket that answers pings stays', async (t) => {
  const env = { NILE_HEARTBEAT_INTERVAL_SECONDS: '1', NILE_HEARTBEAT_TIMEOUT_SECONDS: '2' };
  const server = await startServer(t, { env });
  const connection = await RawConnection.open(server);
  for (let beats = 0; beats < 3; beats += 1) {
    await within(new Promise((resolve) => connection.socket.once('ping', resolve)), `ping ${beats}`);
  }
  await connection.request({ action: 'ping' });
});

// The process as an operator meets it: how it starts, what it says when it cannot, how it ends.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { within } from './support/deadline.js';
import { call, send } from './support/http.js';
import { Server, startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { RawConnection } from './support/websocket.js';

function directory(t) {
  const created = mkdtempSync(path.join(tmpdir(), 'nile-clients-'));
  t.after(() => rmSync(created, { recursive: true, force: true }));
  return created;
}

/** Starts a server that cannot start, and returns what it said about it. */
async function cannotStart(t, { listen, ...options }) {
  const server = new Server(options);
  t.after(() => server.dispose());
  server.spawn(listen);
  const { code, signal } = await server.exited();
  assert.equal(signal, null);
  assert.ok(code > 0, `the exit status: ${code}`);
  assert.doesNotMatch(server.output, /listening/);
  assert.doesNotMatch(server.log, /panicked|RUST_BACKTRACE/);
  assert.notEqual(server.log.trim(), '', 'it says what is wrong');
  return server.log;
}

test('it says where it listens in one line, and nothing else on standard output', async (t) => {
  const server = await startServer(t);
  await call(server, { action: 'ping' });
  await server.stop();
  assert.equal(server.output, `listening on ${server.url}\n`);
});

test('a configuration file is read, and the environment and flags win over it', async (t) => {
  const folder = directory(t);
  const file = path.join(folder, 'config.toml');
  const text = ['listen = "127.0.0.1:1"', 'data_dir = "/nonexistent"', '[limits]', 'message_bytes = 3000', 'information_bytes = 50'];
  writeFileSync(file, text.join('\n'));
  const server = await startServer(t, { args: ['--config', file], env: { NILE_LIMITS_MESSAGE_BYTES: '2000' } });
  const register = (note) => call(server, { action: 'register', parameters: { information: { note } } });
  assert.equal((await register('x'.repeat(30))).status, 200);
  assert.equal((await register('x'.repeat(60))).body.code, 'invalid_information');
  assert.equal((await register('x'.repeat(2500))).body.code, 'too_large');
});

test('what it cannot start with is said, and the exit status tells', async (t) => {
  await t.test('a port that is taken', async (t) => {
    const taken = net.createServer();
    await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
    t.after(() => taken.close());
    const { port } = taken.address();
    const said = await cannotStart(t, { listen: `127.0.0.1:${port}` });
    assert.match(said, new RegExp(String(port)));
  });

  await t.test('an address that is none', async (t) => {
    assert.match(await cannotStart(t, { listen: 'nowhere' }), /nowhere/);
  });

  await t.test('a data directory that another process serves', async (t) => {
    const server = await startServer(t);
    const said = await cannotStart(t, { dataDir: server.dataDir });
    assert.match(said, new RegExp(path.basename(server.dataDir)));
    assert.equal((await call(server, { action: 'ping' })).status, 200, 'the first is not disturbed');
  });

  await t.test('a data directory that is a file', async (t) => {
    const file = path.join(directory(t), 'file');
    writeFileSync(file, '');
    assert.match(await cannotStart(t, { dataDir: file }), /file/);
  });

  await t.test('a configuration with a key that nobody knows', async (t) => {
    const file = path.join(directory(t), 'config.toml');
    writeFileSync(file, 'lisen = "127.0.0.1:0"\n');
    assert.match(await cannotStart(t, { args: ['--config', file] }), /lisen/);
  });

  await t.test('a configuration file that is not there', async (t) => {
    const file = path.join(directory(t), 'absent.toml');
    assert.match(await cannotStart(t, { args: ['--config', file] }), /absent\.toml/);
  });

  await t.test('an environment variable that makes no sense', async (t) => {
    const said = await cannotStart(t, { env: { NILE_LIMITS_CONNECTIONS: 'many' } });
    assert.match(said, /NILE_LIMITS_CONNECTIONS|limits\.connections/);
  });
});

test('a data directory that does not exist is made', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'nile-clients-'));
  const server = await startServer(t, { dataDir: path.join(folder, 'data') });
  server.onDispose(() => rmSync(folder, { recursive: true, force: true }));
  assert.equal((await send(server, { path: '/readyz' })).status, 200);
});

test('SIGTERM ends it in time, with every kind of client connected', async (t) => {
  const server = await startServer(t);
  const connections = [await RawConnection.open(server)];
  for (const version of [2, 3, 4]) {
    for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
      connections.push(await SocketIoConnection.open(server, { version, transports }));
    }
  }
  await server.stop();
  await within(Promise.all(connections.map(({ closed }) => closed)), 'every client to notice');
});

test('SIGTERM ends it in time, while a peer refuses to read', async (t) => {
  const server = await startServer(t);
  const { socket } = await RawConnection.open(server);
  const information = { note: 'x'.repeat(3000) };
  socket.send(JSON.stringify({ event: 'client.to.instance', body: { action: 'register', parameters: { information } } }));
  const registered = await within(new Promise((resolve) => socket.once('message', resolve)), 'a token');
  const { token } = JSON.parse(registered).body.parameters;
  socket.pause();
  const login = JSON.stringify({ event: 'client.to.instance', body: { action: 'login', parameters: { token } } });
  // Answers of 3 KB each: far more than the buffers of both sides hold. What does not fit stays with us unsent.
  for (let times = 0; times < 20_000; times += 1) socket.send(login);
  const other = await RawConnection.open(server);
  await other.request({ action: 'ping' });
  await server.stop();
});

test('SIGTERM ends it in time, with half a request and half a handshake under way', async (t) => {
  const server = await startServer(t);
  for (const bytes of ['', 'POST /client/to/instance HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{', 'GET /ws HTTP/1.1\r\nHo']) {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    server.onDispose(() => socket.destroy());
    await new Promise((resolve) => socket.write(bytes, resolve));
  }
  await server.stop();
});

// Both modes answer what the generator asks, and keep what they answered.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { io } from 'socket.io-client';

async function start(t, directory, mode) {
  const server = spawn(
    process.execPath,
    ['server.js', '--listen', '127.0.0.1:0', '--data-dir', directory, ...mode],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => server.kill('SIGKILL'));
  const [line] = await once(createInterface(server.stdout), 'line');
  const url = /^listening on (http:\S+)$/.exec(line)[1];
  return { server, url };
}

function connect(t, url) {
  const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
  t.after(() => socket.close());
  return async (action, parameters) => {
    const reply = await socket.timeout(5000).emitWithAck('client.to.instance', { action, parameters });
    return [reply.action, reply.parameters];
  };
}

for (const mode of [[], ['--group']]) {
  const name = mode[0] ?? 'plain';

  test(`${name}: a client that registered can log in and update, also after a restart`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'nile-bench-peer-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const { server, url } = await start(t, directory, mode);
    const ask = connect(t, url);
    const [registered, { token }] = await ask('register', { information: { name: 'Ada' } });
    assert.equal(registered, 'registered');
    assert.deepEqual(await ask('login', { token }), ['logged', { queue: [] }]);
    assert.deepEqual(await ask('update', { token, information: {} }), ['updated', {}]);
    assert.deepEqual(await ask('ping'), ['pinged', { success: true }]);

    server.kill('SIGTERM');
    assert.deepEqual(await once(server, 'exit'), [0, null]);
    const again = connect(t, (await start(t, directory, mode)).url);
    assert.deepEqual(await again('login', { token }), ['logged', { queue: [] }]);
  });

  test(`${name}: what cannot be served is refused, and costs its neighbours nothing`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'nile-bench-peer-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const ask = connect(t, (await start(t, directory, mode)).url);
    const [, { token }] = await ask('register', { information: {} });
    const other = (await ask('register', { information: {} }))[1].token;
    const stranger = `${token.split('.')[0]}.${other.split('.')[1]}`;
    // All at once, so that they share a turn.
    const answers = await Promise.all([
      ask('login', { token: stranger }),
      ask('login', { token: 'not a token' }),
      ask('login', {}),
      ask('register', { information: 7 }),
      ask('constructor', {}),
      ask('login', { token }),
    ]);
    const codes = answers.map(([action, { code }]) => [action, code]);
    assert.deepEqual(codes, [
      ['loginFailed', 'invalid_token'],
      ['loginFailed', 'invalid_token'],
      ['loginFailed', 'invalid_parameters'],
      ['registerFailed', 'invalid_information'],
      ['constructorFailed', 'unknown_action'],
      ['logged', undefined],
    ]);
  });
}

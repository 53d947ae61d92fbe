// A disk that takes no more: writes are refused, nothing that was answered is lost, reading goes on.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call, send } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { checkProblem, checkRefusal } from './support/ways.js';
import { RawConnection } from './support/websocket.js';

/** No file of the process may grow beyond this; a write that would do so fails. In units of 1024 bytes. */
const FILE_LIMIT = 1024;
const FULL_DISK = `trap '' XFSZ; ulimit -f ${FILE_LIMIT}`;
const REGISTER = { action: 'register', parameters: { information: { note: 'x'.repeat(3900) } } };

test('when the disk takes no more, writes are refused and the rest goes on', async (t) => {
  const server = await startServer(t, { shell: FULL_DISK });
  const tokens = [];
  let answer;
  do {
    answer = await call(server, REGISTER);
    if (answer.status === 200) tokens.push(answer.body.token);
  } while (answer.status === 200 && tokens.length < 10_000);
  t.diagnostic(`${tokens.length} registrations before the disk was full`);

  await t.test('over HTTP', () => checkProblem(answer, 'unavailable'));

  await t.test('on a bare WebSocket', async () => {
    const connection = await RawConnection.open(server);
    const { action, parameters } = await connection.request(REGISTER);
    assert.equal(action, 'registerFailed');
    checkRefusal(parameters, 'unavailable');
  });

  await t.test('on Socket.IO', async () => {
    const connection = await SocketIoConnection.open(server, { version: 2 });
    const { action, parameters } = await connection.ask({ ...REGISTER, id: 1 });
    assert.equal(action, 'registerFailed');
    checkRefusal(parameters, 'unavailable');
  });

  await t.test('the process lives', async () => {
    assert.equal((await send(server, { path: '/healthz' })).status, 200);
  });

  await t.test('whoever was answered can still log in', async () => {
    assert.ok(tokens.length > 10, `${tokens.length}`);
    for (const token of tokens) {
      const { status } = await call(server, { action: 'login', parameters: { token } });
      assert.equal(status, 200);
    }
  });
});

// The two spellings of the event that the instance speaks on, and who hears which.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startServer } from './support/server.js';
import { PLAIN, SPEC, SocketIoConnection, VERSIONS } from './support/socketio.js';

/** Of the versions in use, those whose handshake carries an `auth` payload. */
const WITH_AUTH = [3, 4];

const CASES = [
  ...VERSIONS.flatMap((version) => [
    { version, names: [SPEC, PLAIN] },
    { version, query: { spelling: 'spec' }, names: [SPEC] },
    { version, query: { spelling: 'plain' }, names: [PLAIN] },
    { version, query: { spelling: 'klingon' }, names: [SPEC, PLAIN] },
  ]),
  ...WITH_AUTH.flatMap((version) => [
    { version, auth: { spelling: 'spec' }, names: [SPEC] },
    { version, auth: { spelling: 'plain' }, names: [PLAIN] },
    { version, auth: { spelling: 'klingon' }, names: [SPEC, PLAIN] },
    { version, auth: { spelling: 7 }, names: [SPEC, PLAIN] },
    { version, auth: { unrelated: true }, names: [SPEC, PLAIN] },
    { version, query: { spelling: 'spec' }, auth: { spelling: 'plain' }, names: [PLAIN] },
    { version, query: { spelling: 'plain' }, auth: { spelling: 'spec' }, names: [SPEC] },
  ]),
];

test('each connection hears the spelling that its handshake asked for', async (t) => {
  const server = await startServer(t);
  for (const { version, query, auth, names } of CASES) {
    const handshake = JSON.stringify({ query, auth });
    await t.test(`Socket.IO ${version} with ${handshake} hears ${names.join(' and ')}`, async () => {
      for (const transports of [['websocket'], ['polling']]) {
        const connection = await SocketIoConnection.open(server, { version, transports, query, auth, names });
        await connection.request({ action: 'ping', id: 1 });
        // An event under another name would have come before the answer to this one.
        await connection.request({ action: 'ping', id: 2 });
        assert.equal(connection.unread, 0, 'nothing under another name');
        await connection.ask({ action: 'ping', id: 3 });
        assert.equal(connection.unread, 0, 'an acknowledgement is no event');
        connection.close();
      }
    });
  }
});

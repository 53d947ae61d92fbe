// Who a connection is, how that changes, and what becomes of it when a token does.
//
// Nobody is told yet who is online. What tells it from outside is `delete` and `rotateToken`, which close the
// connections of a client: a connection that stays open then was not that client's.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { within } from './support/deadline.js';
import { ANNA, MOVED, TOKEN, logged, register } from './support/cycle.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { SOCKETS, byEvents, http, rawWebSocket } from './support/ways.js';

const login = (token) => ({ action: 'login', parameters: { token } });
const remove = (token) => ({ action: 'delete', parameters: { token } });

/** Deletes the client of `token` and waits until its connections, `witness` among them, have been closed. */
async function deleteElsewhere(server, token) {
  const witness = await rawWebSocket()(server);
  await witness.accepted(login(token));
  assert.deepEqual(await (await http(server)).accepted(remove(token)), {});
  await within(witness.connection.closed, 'the witness to be closed');
}

/** The connection answers, twice: once behind what was under way, once behind what that has set off. */
async function isOpen(way) {
  await way.accepted({ action: 'ping', id: 1 });
  await way.accepted({ action: 'ping', id: 2 });
}

const isClosed = (way) => within(way.connection.closed, 'the connection to be closed');

for (const [name, open] of Object.entries(SOCKETS)) {
  test(name, async (t) => {
    const server = await startServer(t);
    const elsewhere = await http(server);

    await t.test('a connection ends with the client that it is logged in as', async () => {
      const { token } = await register(elsewhere);
      const [first, second, stranger] = [await open(server), await open(server), await open(server)];
      await first.accepted(login(token));
      await second.accepted(login(token));
      await deleteElsewhere(server, token);
      await Promise.all([isClosed(first), isClosed(second)]);
      await isOpen(stranger);
      await stranger.refused(login(token), 'invalid_token');
    });

    await t.test('a client that deletes itself is answered first, and closed then', async () => {
      const { token } = await register(elsewhere);
      const [self, other] = [await open(server), await open(server)];
      await self.accepted(login(token));
      await other.accepted(login(token));
      assert.deepEqual(await self.accepted({ ...remove(token), id: 'bye' }), {});
      await Promise.all([isClosed(self), isClosed(other)]);
      await elsewhere.refused(login(token), 'invalid_token');
      await elsewhere.refused(remove(token), 'invalid_token');
    });

    await t.test('a second login replaces the first', async () => {
      const [anna, bruno] = [await register(elsewhere), await register(elsewhere)];
      const way = await open(server);
      await way.accepted(login(anna.token));
      await way.accepted(login(bruno.token));
      await deleteElsewhere(server, anna.token);
      await isOpen(way);
      await deleteElsewhere(server, bruno.token);
      await isClosed(way);
    });

    await t.test('the same login again changes nothing', async () => {
      const { token, id } = await register(elsewhere);
      const way = await open(server);
      for (let times = 0; times < 3; times += 1) {
        assert.deepEqual(await way.accepted(login(token)), logged(id, ANNA));
      }
      await way.accepted({ action: 'logout' });
      await deleteElsewhere(server, token);
      await isOpen(way);
    });

    await t.test('a failed login changes nothing', async () => {
      const { token } = await register(elsewhere);
      const way = await open(server);
      await way.accepted(login(token));
      await way.refused(login('SECRET_TOKEN'), 'invalid_token');
      await way.refused({ action: 'login' }, 'invalid_parameters', 'token');
      await deleteElsewhere(server, token);
      await isClosed(way);
    });

    await t.test('logout can be said at any time, and leaves the connection open', async () => {
      const { token, id } = await register(elsewhere);
      const way = await open(server);
      assert.deepEqual(await way.accepted({ action: 'logout' }), {});
      await way.accepted(login(token));
      assert.deepEqual(await way.accepted({ action: 'logout', id: 1 }), {});
      assert.deepEqual(await way.accepted({ action: 'logout', id: 2 }), {});
      assert.deepEqual(await way.accepted(login(token)), logged(id, ANNA));
      await way.accepted({ action: 'logout' });
      await deleteElsewhere(server, token);
      await isOpen(way);
    });

    await t.test('an update or a registration does not log in', async () => {
      const way = await open(server);
      const { token } = await register(way);
      await way.accepted({ action: 'update', parameters: { token, information: MOVED } });
      await deleteElsewhere(server, token);
      await isOpen(way);
    });

    await t.test('the first use of a new token ends the old one and its connections', async () => {
      const { token: old, id } = await register(elsewhere);
      const [before, rotating, after] = [await open(server), await open(server), await open(server)];
      await before.accepted(login(old));
      const rotated = await rotating.accepted({ action: 'rotateToken', parameters: { token: old }, id: 7 });
      assert.deepEqual(Object.keys(rotated), ['token']);
      const { token } = rotated;
      assert.match(token, TOKEN);
      assert.notEqual(token, old);
      assert.equal(Number(TOKEN.exec(token)[1]), id, 'the token of the same client');

      assert.deepEqual(await elsewhere.accepted(login(old)), logged(id, ANNA), 'until then the old one works');
      await isOpen(before);

      assert.deepEqual(await after.accepted(login(token)), logged(id, ANNA));
      await isClosed(before);
      await isOpen(after);
      await isOpen(rotating);
      await rotating.refused(login(old), 'invalid_token');
      await elsewhere.refused({ action: 'rotateToken', parameters: { token: old } }, 'invalid_token');
      assert.deepEqual(await elsewhere.accepted(login(token)), logged(id, ANNA));
    });
  });
}

test('any action counts as the first use of a new token, over HTTP too', async (t) => {
  const server = await startServer(t);
  const way = await http(server);
  const uses = [
    { action: 'login' },
    { action: 'update', parameters: { information: MOVED } },
    { action: 'rotateToken' },
  ];
  for (const use of uses) {
    await t.test(use.action, async () => {
      const { token: old } = await register(way);
      const online = await rawWebSocket()(server);
      await online.accepted(login(old));
      const { token } = await way.accepted({ action: 'rotateToken', token: old });
      await way.accepted({ ...use, token });
      await isClosed(online);
      await way.refused(login(old), 'invalid_token');
    });
  }
});

test('a rotated token outlives a restart, used or not', async (t) => {
  const server = await startServer(t);
  const way = await http(server);
  const { token: old, id } = await register(way);
  const { token } = await way.accepted({ action: 'rotateToken', token: old });
  await server.restart();
  assert.deepEqual(await way.accepted(login(old)), logged(id, ANNA), 'a lost reply locks nobody out');
  assert.deepEqual(await way.accepted(login(token)), logged(id, ANNA));
  await server.restart();
  await way.refused(login(old), 'invalid_token');
  assert.deepEqual(await way.accepted(login(token)), logged(id, ANNA));
});

test('a deleted client stays deleted after a restart, and its number is not given again', async (t) => {
  const server = await startServer(t);
  const way = await http(server);
  const last = await register(way);
  await way.accepted(remove(last.token));
  await server.restart();
  await way.refused(login(last.token), 'invalid_token');
  assert.ok((await register(way)).id > last.id);
});

test('a client of Socket.IO 4 on polling that deletes itself is answered first', async (t) => {
  const server = await startServer(t);
  const way = byEvents(await SocketIoConnection.open(server, { version: 4, transports: ['polling'] }));
  const { token } = await register(way);
  await way.accepted(login(token));
  const closed = way.connection.closed.then(() => assert.fail('closed before it was answered'));
  assert.deepEqual(await Promise.race([way.accepted(remove(token)), closed]), {});
});

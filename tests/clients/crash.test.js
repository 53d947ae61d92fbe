// What was answered is kept, whatever happens to the process.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import { within } from './support/deadline.js';
import { PATH } from './support/http.js';
import { startServer } from './support/server.js';
import { SocketIoConnection } from './support/socketio.js';
import { RawConnection } from './support/websocket.js';

const CONCURRENT = 1000;
/** The server is killed when so many registrations have been answered. */
const ANSWERED = 700;

const body = (number) => ({ action: 'register', parameters: { information: { name: `client ${number}` } }, id: number });

/** Ways to have a registration answered; each calls `answered` with the parameters of the reply. */
async function openAll(server, answered) {
  const raw = await Promise.all(Array.from({ length: 8 }, () => RawConnection.open(server)));
  const socketIo = await Promise.all(
    Array.from({ length: 9 }, (_, index) =>
      SocketIoConnection.open(server, { version: 2 + (index % 3), transports: [index < 6 ? 'websocket' : 'polling'] }),
    ),
  );
  for (const { socket } of raw) socket.on('message', (text) => answered(JSON.parse(text).body));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  server.onDispose(() => agent.destroy());
  const put = (number) => {
    const headers = { 'content-type': 'application/json' };
    const request = http.request(server.url + PATH, { method: 'PUT', agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      // An answer that was cut short is no answer.
      response.on('error', () => {});
      response.on('end', () => {
        if (response.complete) answered({ action: 'registered', parameters: JSON.parse(text), id: number });
      });
    });
    request.on('error', () => {});
    request.end(JSON.stringify(body(number)));
  };
  return [
    ...raw.map(({ socket }) => (number) => {
      if (socket.readyState === socket.OPEN) {
        socket.send(JSON.stringify({ event: 'client.to.instance', body: body(number) }));
      }
    }),
    ...socketIo.map(({ socket }) => (number) => socket.emit('client.to.instance', body(number), answered)),
    ...Array.from({ length: 4 }, () => put),
  ];
}

/** Keeps a thousand registrations under way until enough are answered, then kills; returns what was answered. */
async function registerUntilKilled(server) {
  const clients = new Map();
  let asked = 0;
  let enough;
  const killed = new Promise((resolve) => (enough = resolve)).then(() => server.kill());
  const senders = await openAll(server, ({ action, parameters, id }) => {
    assert.equal(action, 'registered');
    clients.set(id, parameters);
    if (clients.size === ANSWERED) enough();
    askOne();
  });
  const askOne = () => senders[asked % senders.length]((asked += 1));
  while (asked < CONCURRENT) askOne();
  await within(killed, `${ANSWERED} registrations and the end`, 60_000);
  return { clients, asked };
}

test(`kill -9 in the middle of ${CONCURRENT} concurrent registrations loses none that was answered`, async (t) => {
  const server = await startServer(t);
  for (let round = 1; round <= 3; round += 1) {
    await t.test(`round ${round}`, async (t) => {
      const { clients, asked } = await registerUntilKilled(server);
      t.diagnostic(`${asked} asked, ${clients.size} answered before the end`);
      assert.ok(asked > clients.size, 'the end came in the middle');
      await server.start();

      const ids = new Set(Array.from(clients.values(), ({ id }) => id));
      assert.equal(ids.size, clients.size, 'no two clients have one id');
      const connection = await RawConnection.open(server);
      for (const [number, { token, id }] of clients) {
        const { action, parameters } = await connection.request({ action: 'login', parameters: { token } });
        assert.equal(action, 'logged', `client ${number}, who was told its token`);
        assert.deepEqual(parameters.information, { name: `client ${number}` });
        assert.equal(parameters.id, id);
      }
    });
  }
});

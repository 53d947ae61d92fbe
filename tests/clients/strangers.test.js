// Nobody reads, removes or sends what is not theirs: whoever has the same number, and whoever tries.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { send } from './support/http.js';
import { Peer } from './support/peer.js';
import { startServer } from './support/server.js';
import { cannotJoin } from './support/websocket.js';

const KINDS = ['client', 'node'];
const MANY = { NILE_MESSAGES_PER_PAIR: '2000', NILE_MESSAGES_PER_RECIPIENT: '2000' };
const SOCKETS = ['Socket.IO 4', 'Socket.IO 2', 'WebSocket'];

/** Does `work` for each number, a few hundred at a time. */
async function each(count, work) {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const results = [];
  const worker = async () => {
    for (let number = numbers.shift(); number; number = numbers.shift()) results[number] = await work(number);
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  return results;
}

test('a thousand clients and a thousand nodes of the same numbers each find their own messages', async (t) => {
  const server = await startServer(t, { env: MANY });
  const parties = { client: [], node: [] };
  for (const kind of KINDS) {
    for (const peer of (await each(1000, () => Peer.register(server, kind, 'HTTP'))).slice(1)) parties[kind][peer.id] = peer;
  }
  assert.deepEqual(KINDS.map((kind) => parties[kind].length), [1001, 1001]);

  // Number n of either kind writes to n and to a neighbour; a node may, since the client has written to it first.
  const other = (kind) => (kind === 'client' ? 'node' : 'client');
  const neighbour = (number, step) => ((number - 1 + step + 1000) % 1000) + 1;
  const sends = { client: (number) => [number, neighbour(number, 1)], node: (number) => [number, neighbour(number, -1)] };
  const content = (kind, from, to) => `from ${kind} ${from} to ${other(kind)} ${to}`;
  const sent = new Map();
  for (const kind of KINDS) {
    await each(1000, async (number) => {
      for (const to of sends[kind](number)) {
        const { queue_id: queueId } = await parties[kind][number].queue(to, content(kind, number, to));
        assert.ok(!sent.has(queueId), 'a number is given once');
        sent.set(queueId, { to: `${other(kind)} ${to}`, content: content(kind, number, to) });
      }
    });
  }

  const found = new Map();
  for (const kind of KINDS) {
    await each(1000, async (number) => {
      const peer = parties[kind][number].also(number % 3 ? 'HTTP' : SOCKETS[number % 9 / 3]);
      const { queue } = await peer.come();
      assert.equal(queue.length, 2);
      for (const row of queue) {
        assert.deepEqual([row.sender_kind, row.recipient], [other(kind), number]);
        assert.equal(row.content, content(other(kind), row.sender, number));
        found.set(row.queue_id, { to: `${kind} ${number}`, content: row.content });
      }
      // The namesake's are not removed by whoever names them.
      const foreign = Array.from(sent.keys()).slice(0, 900);
      const left = queue.filter((row) => !foreign.includes(row.queue_id));
      if (number % 50 === 0) assert.equal((await peer.process(...foreign)).total, left.length);
      await peer.go();
    });
  }
  assert.deepEqual(new Map([...found].sort()), new Map([...sent].sort()));
});

/** A shopper and a shop that have written to each other, each with one message that waits. */
async function acquainted(server) {
  const shopper = await Peer.register(server, 'client', 'HTTP');
  const shop = await Peer.register(server, 'node', 'HTTP');
  const order = await shopper.queue(shop.id, 'an order');
  const answer = await shop.queue(shopper.id, 'an answer');
  return { shopper, shop, order: order.queue_id, answer: answer.queue_id };
}

/** What waits for these two is what waited before. */
async function untouched({ shopper, shop, order, answer }) {
  assert.deepEqual((await shop.come()).queue.map((row) => [row.queue_id, row.content]), [[order, 'an order']]);
  assert.deepEqual((await shopper.come()).queue.map((row) => [row.queue_id, row.content]), [[answer, 'an answer']]);
}

for (const way of SOCKETS) {
  test(`${way}: a stranger sends as nobody else and removes nothing`, async (t) => {
    const server = await startServer(t);
    const scene = await acquainted(server);
    const { shopper, shop, order, answer } = scene;
    const online = await shopper.also('WebSocket');
    await online.come();
    const target = (await shop.come()).queue[0].ws_id;
    assert.equal(typeof target, 'string');

    const guest = await new Peer(server, 'client', way).open();
    const client = await Peer.register(server, 'client', way);
    await client.come();
    const node = await Peer.register(server, 'node', way);

    await t.test('as a node it forwards only when it is logged in as one', async () => {
      const forward = { action: 'forward', recipient: target, parameters: 'psst' };
      const channel = 'node.to.instance';
      await guest.refused('not_logged_in', forward, channel);
      await guest.refused('not_logged_in', { ...forward, token: node.token }, channel);
      await client.refused('not_logged_in', forward, channel);
      await client.refused('not_logged_in', { ...forward, token: client.token }, channel);
    });

    await t.test('in a party’s name it sends only with its token, of the right kind', async () => {
      for (const action of ['queue', 'processQueue', 'messageStatus', 'withdraw']) {
        const request = { action, recipient: 1, parameters: { queue_id: order } };
        await guest.refused('not_logged_in', request);
        await guest.refused('not_logged_in', request, 'node.to.instance');
        await client.refused('not_logged_in', request, 'node.to.instance');
        await client.refused('invalid_token', { ...request, token: client.token }, 'node.to.instance');
        await guest.refused('invalid_token', { ...request, token: node.token });
        await guest.refused('invalid_token', { ...request, token: 'SECRET_TOKEN' });
      }
      for (const channel of ['client.to.node', 'node.to.client']) {
        const message = { action: 'buy', recipient: 1, parameters: {} };
        await guest.refused('not_logged_in', message, channel);
        await guest.refused('invalid_token', { ...message, token: 'SECRET_TOKEN' }, channel);
      }
      await guest.refused('not_logged_in', { action: 'buy', recipient: 1, parameters: { token: client.token } }, 'client.to.node');
    });

    await t.test('a sender that the body names is not believed', async () => {
      const claims = { sender: shopper.id, sender_kind: 'node', from: shopper.id, ws_id: target };
      await client.queue(node.id, { ...claims, text: 'it is I' }, claims);
      await client.send({ recipient: node.id, ...claims }, 'buy', claims, claims);
      const rows = (await node.come()).queue;
      assert.deepEqual(rows.map((row) => [row.sender, row.sender_kind]), [[client.id, 'client'], [client.id, 'client']]);
      await node.process(...rows.map((row) => row.queue_id));
    });

    await t.test('what waits for others it neither reads, nor removes, nor answers, nor asks after', async () => {
      const empty = { queue: [], total: 0, more: false };
      for (const peer of [client, node]) assert.deepEqual(await peer.process(order, answer), empty);
      for (const peer of [client, node]) {
        for (const queueId of [order, answer, 999_999]) {
          const { msg } = await peer.refused('unknown_message', { action: 'messageStatus', parameters: { queue_id: queueId } });
          const withdrawal = { action: 'withdraw', parameters: { queue_id: queueId } };
          assert.deepEqual(await peer.refused('unknown_message', withdrawal), { code: 'unknown_message', msg });
        }
      }
      for (const queueId of [order, answer, 999_999]) {
        const request = { action: 'queue', recipient: shopper.id, queue_id: queueId, parameters: 'mine' };
        await node.refused('unknown_recipient', request);
        const unaddressed = { action: 'queue', queue_id: queueId, parameters: 'mine' };
        await node.refused('invalid_parameters', unaddressed);
      }
    });

    await untouched(scene);
    await guest.settled();
    await client.settled();
    for (const peer of [guest, client, online]) assert.equal(peer.forwards.size, 0);
  });
}

test('to clients that have not written to it a node cannot write, and does not learn who there is', async (t) => {
  const server = await startServer(t, { env: MANY });
  const clients = (await each(500, () => Peer.register(server, 'client', 'HTTP'))).slice(1);
  const awake = clients[7].also('WebSocket');
  await awake.come();
  const node = await Peer.register(server, 'node', 'WebSocket');
  await node.come();
  const answers = { queue: new Set(), forward: new Set(), party: new Set() };
  for (let recipient = 1; recipient <= 1000; recipient += 1) {
    // Sent as text, so that the answers can be compared byte by byte.
    for (const action of ['queue', 'forward']) {
      answers[action].add(JSON.stringify(await node.ask({ action, recipient, parameters: {}, id: 7 })));
    }
    answers.party.add(JSON.stringify(await node.ask({ action: 'x', recipient, parameters: {}, id: 8 }, 'node.to.client')));
  }
  for (const [action, said] of Object.entries(answers)) {
    assert.equal(said.size, 1, `${action}: ${[...said]}`);
    assert.match([...said][0], /"code":"unknown_recipient"/);
  }
  await awake.settled();
  assert.equal(awake.heard.length, 0);
  const totals = await each(500, async (number) => (await clients[number - 1].come()).total);
  assert.deepEqual(new Set(totals.slice(1)), new Set([0]));

  const queued = await clients[3].queue(node.id, 'an order');
  await node.next();
  await node.queue(clients[3].id, 'an answer', { queue_id: queued.queue_id });
  assert.equal((await clients[3].come()).total, 1, 'to one that has written to it, it can');
});

test('a WebSocket ID opens no session of Engine.IO', async (t) => {
  const server = await startServer(t);
  const shop = await Peer.register(server, 'node', 'Socket.IO 4 polling');
  await shop.come();
  const shopper = await Peer.register(server, 'client', 'Socket.IO 4 polling');
  const other = await Peer.register(server, 'client', 'Socket.IO 2');
  await shopper.come();
  await other.come();
  const seen = new Set();
  const [listed] = (await shopper.accepted('updateOnlineNodes', { action: 'updateNodeList' })).onlineNodes;
  seen.add(listed.ws_id);
  for (const peer of [shopper, other]) {
    await peer.accepted('forwarded', { action: 'forward', recipient: listed.ws_id, parameters: 'hello' });
    seen.add((await shop.forwards.next('what was forwarded')).sender);
  }
  await other.queue(shop.id, 'an order');
  seen.add((await shop.also('HTTP').come()).queue[0].ws_id);
  assert.equal(seen.size, 3);

  for (const id of seen) {
    assert.ok(id.length >= 22, '128 bits at least');
    assert.ok(![shop, shopper, other].some((peer) => peer.link.socket.io.engine.id === id), 'no session has this id');
    for (const version of [3, 4]) {
      const path = `/socket.io/?EIO=${version}&sid=${encodeURIComponent(id)}&transport=`;
      assert.equal((await send(server, { path: `${path}polling` })).status, 400);
      const post = { method: 'POST', path: `${path}polling`, headers: { 'content-type': 'text/plain' }, body: '41' };
      assert.equal((await send(server, post)).status, 400);
      await cannotJoin(server, `${path}websocket`);
    }
  }
  for (const peer of [shop, shopper, other]) await peer.settled();
});

// What becomes of a message between its sender's `queued` and its recipient's acknowledgement.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Peer, reaches } from './support/peer.js';
import { startServer } from './support/server.js';

const MANY = { NILE_MESSAGES_PER_PAIR: '5000', NILE_MESSAGES_PER_RECIPIENT: '5000' };
const CALLBACKS = ['Socket.IO 4', 'Socket.IO 3', 'Socket.IO 4 polling'];
const NO_CALLBACKS = ['Socket.IO 2', 'WebSocket'];
const WINDOW = 256;

/** A client that has written to the node once, so that each may write to the other; nothing waits. */
async function acquainted(server, clientWay = 'WebSocket', nodeWay = 'WebSocket') {
  const client = await Peer.register(server, 'client', clientWay);
  const node = await Peer.register(server, 'node', nodeWay);
  await client.come();
  await node.also('HTTP').process((await client.queue(node.id, 'hello')).queue_id);
  return { client, node };
}

/** Sends `count` messages, numbered from `first`, without waiting for each; returns their `queue_id`s in order. */
async function sendMany(sender, recipient, count, first = 0) {
  const sent = Array.from({ length: count }, (_, index) => sender.queue(recipient.id, first + index));
  return (await Promise.all(sent)).map(({ queue_id: queueId }) => queueId);
}

const ids = (messages) => messages.map((message) => message.queue_id);
const contents = (messages) => messages.map((message) => message.content);
const numbers = (count, first = 0) => Array.from({ length: count }, (_, index) => first + index);

for (const way of [...CALLBACKS, ...NO_CALLBACKS]) {
  test(`${way}: a message comes again with the same number until it is acknowledged`, async (t) => {
    const server = await startServer(t);
    const { client, node } = await acquainted(server, 'WebSocket', way);
    await node.come();
    const { queue_id: queueId } = await client.queue(node.id, { order: 1 });
    assert.equal((await node.next()).queue_id, queueId);
    for (let round = 0; round < 3; round += 1) {
      await node.go();
      node.forget();
      const { queue, total } = await node.come();
      assert.deepEqual([total, queue[0].queue_id, queue[0].content], [1, queueId, { order: 1 }]);
      assert.equal(await client.state({ queue_id: queueId }), 'stored');
      assert.equal(queue[0].ws_id !== undefined, true, 'its sender is online');
      assert.equal((await node.next()).queue_id, queueId);
    }
    await node.settled();
    assert.equal(node.heard.length, 1, 'what came in the page is not pushed as well');

    await client.queue(node.id, { order: 2 });
    const pushed = await node.next();
    assert.equal(typeof pushed.acknowledge, CALLBACKS.includes(way) ? 'function' : 'undefined');
    await node.acknowledge(pushed);
    await reaches(client, pushed.queue_id, 'delivered');
    assert.deepEqual(await node.process(queueId), { queue: [], total: 0, more: false });
    await node.go();
    assert.equal((await node.come()).total, 0);
  });
}

test('an answer removes the request that it names, and is sent, or neither', async (t) => {
  const server = await startServer(t);
  for (const action of ['queue', 'forward']) {
    for (const way of ['Socket.IO 4', 'Socket.IO 2', 'WebSocket', ...(action === 'queue' ? ['HTTP'] : [])]) {
      await t.test(`${action} over ${way}`, async () => {
        const { client, node } = await acquainted(server, 'WebSocket', way);
        const stranger = await Peer.register(server, 'client', 'HTTP');
        const { queue_id: request } = await client.queue(node.id, 'bread?');
        await node.come();
        const answer = { action, queue_id: request, recipient: stranger.id, parameters: { bread: true } };
        const { queue_id: answered } = await node.accepted('queued', answer);
        const heard = await client.next();
        assert.deepEqual([heard.queue_id, heard.content, heard.sender], [answered, { bread: true }, node.id]);
        assert.equal((await stranger.come()).total, 0, 'whatever the recipient says');
        assert.equal(await client.state({ queue_id: request }), 'delivered');
        assert.equal((await node.also('HTTP').come()).total, 0);

        const { queue_id: other } = await client.queue(node.id, 'and milk?');
        await node.refused('unknown_recipient', answer);
        const twice = await node.accepted('queued', { ...answer, recipient: client.id });
        assert.notEqual(twice.queue_id, answered, 'without its request it is a message as any');
        const { queue } = await node.also('HTTP').come();
        assert.deepEqual(ids(queue), [other], 'nothing else is removed');
      });
    }
  }
});

test('a thousand messages come in the order in which they were sent, from the queue and by push', async (t) => {
  const server = await startServer(t, { env: MANY });
  for (const way of ['Socket.IO 4', 'WebSocket']) {
    for (const [from, to] of [['client', 'node'], ['node', 'client']]) {
      await t.test(`from a ${from} to a ${to} on ${way}`, async () => {
        const parties = await acquainted(server);
        const [sender, recipient] = [parties[from], parties[to].also(way)];
        await parties[to].go();
        if (!sender.link.isOpen) await sender.open();
        await sender.come();
        const sent = await sendMany(sender, recipient, 400);
        const rest = sendMany(sender, recipient, 600, 400);
        const { more, total } = await recipient.come();
        assert.ok(more && total >= 400);
        const messages = [];
        while (messages.length < 1000) {
          const message = await recipient.next();
          messages.push(message);
          await recipient.acknowledge(message);
        }
        sent.push(...(await rest));
        assert.deepEqual(contents(messages), numbers(1000));
        assert.deepEqual(ids(messages), sent);
        await reaches(sender, sent.at(-1), 'delivered');
        assert.equal((await recipient.also('HTTP').come()).total, 0);
      });
    }
  }
});

test('each connection of a client gets each message', async (t) => {
  const server = await startServer(t);
  const { client, node } = await acquainted(server);
  await node.come();
  const all = [client, client.also('Socket.IO 4'), client.also('Socket.IO 2')];
  for (const one of all.slice(1)) await one.come();
  const sent = await sendMany(node, client, 20);
  for (const one of all) assert.deepEqual(ids(await one.take(20)), sent);
  await all[1].acknowledge(all[1].heard[0]);
  await reaches(node, sent[0], 'delivered');
  for (const one of all) assert.equal((await one.process(...sent.slice(1, 10))).total, 10);
  for (const one of all) {
    await one.settled();
    assert.equal(one.heard.filter(({ by }) => by === 'push').length, 20, 'once');
  }
});

test('one connection of a node gets a message, and another one when that ends', async (t) => {
  const server = await startServer(t);
  const { client, node: first } = await acquainted(server, 'WebSocket', 'Socket.IO 4');
  const second = first.also('Socket.IO 4');
  await first.come();
  await second.come();
  const sent = await sendMany(client, first, 20);
  await Promise.all([first.settled(), second.settled(), client.settled()]);
  const [holder, other] = first.heard.length > 0 ? [first, second] : [second, first];
  assert.equal(holder, second, 'the newest');
  assert.deepEqual([ids(await holder.take(20)), other.heard.length], [sent, 0]);
  for (const message of holder.heard.slice(0, 5)) holder.acknowledge(message);
  await reaches(client, sent[4], 'delivered');
  await holder.go();
  assert.deepEqual(ids(await other.take(15)), sent.slice(5));
  const { queue_id: next } = await client.queue(first.id, 'next');
  assert.equal((await other.next()).queue_id, next);
  assert.equal(new Set(ids(other.heard)).size, other.heard.length, 'once each');
});

for (const way of ['Socket.IO 4', 'WebSocket']) {
  test(`${way}: ${WINDOW} messages are under way, and more when some are acknowledged`, async (t) => {
    const server = await startServer(t, { env: MANY });
    const { client, node } = await acquainted(server, 'WebSocket', way);
    await node.come();
    const sent = await sendMany(client, node, WINDOW + 50);
    const pushed = await node.take(WINDOW);
    assert.deepEqual(ids(pushed), sent.slice(0, WINDOW));
    await node.settled();
    assert.equal(node.messages.size, 0, 'no more without an acknowledgement');
    if (pushed[0].acknowledge) for (const message of pushed.slice(0, 20)) message.acknowledge();
    else await node.remove(...sent.slice(0, 20));
    assert.deepEqual(ids(await node.take(20)), sent.slice(WINDOW, WINDOW + 20));
    await node.settled();
    assert.equal(node.messages.size, 0);
    assert.equal(await node.remove(...sent.slice(20, WINDOW)), 50);
    assert.deepEqual(ids(await node.take(30)), sent.slice(WINDOW + 20));
    assert.equal(node.heard.filter(({ by }) => by === 'push').length, WINDOW + 50);
  });
}

test('a message behind the window is said to be queued, and one before it forwarded', async (t) => {
  const server = await startServer(t, { env: MANY });
  const { client, node } = await acquainted(server);
  assert.equal((await client.send(node.id, 'buy')).type, 'queue');
  await node.come();
  for (let count = 0; count < WINDOW; count += 1) assert.equal((await client.send(node.id, 'buy')).type, 'forward');
  assert.equal((await client.send(node.id, 'buy')).type, 'queue');
  await node.remove(node.heard[1].queue_id);
  const first = node.heard[0].queue_id;
  assert.deepEqual(ids(await node.take(WINDOW + 2)), numbers(WINDOW + 2, first), 'the one behind comes last');
});

// What a sender is told: that its message is taken, or taken before, or not, and what has become of it since.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from './support/deadline.js';
import { Peer, reaches } from './support/peer.js';
import { startServer } from './support/server.js';

const WAYS = ['Socket.IO 4', 'Socket.IO 2', 'WebSocket', 'HTTP'];

async function parties(server, way = 'WebSocket') {
  const client = await Peer.register(server, 'client', way);
  const node = await Peer.register(server, 'node', way);
  await client.come();
  return { client, node };
}

const status = (peer, parameters) => peer.accepted('messageStatus', { action: 'messageStatus', parameters });
const withdraw = (peer, queueId) => peer.accepted('withdrawn', { action: 'withdraw', parameters: { queue_id: queueId } });

for (const way of WAYS) {
  test(`${way}: a message with an id of its sender's is taken once`, async (t) => {
    const server = await startServer(t);
    const { client, node } = await parties(server, way);
    const order = { bread: 2 };
    const first = await client.queue(node.id, order, { id: 'order-1' });
    assert.deepEqual(await client.queue(node.id, order, { id: 'order-1' }), first);
    const second = await client.queue(node.id, order, { id: 'order-2' });
    assert.notDeepEqual(second, first, 'another id, another message');
    const conflict = { action: 'queue', recipient: node.id, parameters: { bread: 3 }, id: 'order-1' };
    await client.refused('id_conflict', conflict);
    const other = await Peer.register(server, 'client', way);
    if (way !== 'HTTP') await other.come();
    assert.notDeepEqual(await other.queue(node.id, order, { id: 'order-1' }), first, 'each sender has its own ids');

    const sent = await client.send(node.id, 'buy', order, { id: 'order-3' });
    assert.deepEqual(await client.send(node.id, 'buy', order, { id: 'order-3' }), sent);
    assert.equal((await node.come()).total, 4);

    await server.restart();
    await client.lost();
    await client.come();
    assert.deepEqual(await client.queue(node.id, order, { id: 'order-1' }), first, 'also after a restart');
    await node.lost();
    await node.come();
    await node.remove(first.queue_id);
    assert.deepEqual(await client.queue(node.id, order, { id: 'order-1' }), first, 'also after its delivery');
    await client.refused('id_conflict', conflict);
    assert.equal((await node.come()).total, 3);
  });

  test(`${way}: a sender can ask what has become of its message, and take it back`, async (t) => {
    const server = await startServer(t);
    const { client, node } = await parties(server, way);
    const { queue_id: queueId } = await client.queue(node.id, 'an order', { id: 'o' });
    const stored = await status(client, { queue_id: queueId });
    assert.deepEqual(stored, { queue_id: queueId, id: 'o', state: 'stored', since: stored.since });
    assert.ok(Math.abs(stored.since - Date.now()) < 60_000);
    assert.deepEqual(await status(client, { id: 'o' }), stored);

    await node.come();
    assert.equal(await client.state({ queue_id: queueId }), 'stored', 'handed over is not acknowledged');
    await node.remove(queueId);
    const delivered = await status(client, { id: 'o' });
    assert.deepEqual(delivered, { queue_id: queueId, id: 'o', state: 'delivered', since: delivered.since });
    assert.ok(delivered.since >= stored.since);
    const late = { action: 'withdraw', parameters: { queue_id: queueId } };
    await client.refused('unknown_message', late);

    const { queue_id: regretted } = await client.queue(node.id, 'another');
    assert.deepEqual(await withdraw(client, regretted), { queue_id: regretted });
    assert.equal(await client.state({ queue_id: regretted }), 'withdrawn');
    assert.equal((await node.come()).total, 0);
    await node.remove(regretted);
    assert.equal(await client.state({ queue_id: regretted }), 'withdrawn');

    const { queue_id: orphan } = await client.queue(node.id, 'a last one');
    const { queue_id: answer } = await node.queue(client.id, 'stays');
    await node.accepted('deleted', { action: 'delete', parameters: { token: node.token } });
    assert.equal(await client.state({ queue_id: orphan }), 'refused');
    assert.deepEqual((await client.come()).queue.map((row) => row.queue_id), [answer], 'what it sent stays');
    await client.refused('unknown_recipient', { action: 'queue', recipient: node.id, parameters: {} });
    for (const parameters of [{ queue_id: 999_999 }, { id: 'never' }]) {
      await client.refused('unknown_message', { action: 'messageStatus', parameters });
    }
  });
}

for (const way of WAYS.filter((name) => name !== 'HTTP')) {
  test(`${way}: whoever subscribes hears of every end, and nobody else does`, async (t) => {
    const server = await startServer(t);
    const { client, node } = await parties(server, way);
    const silent = client.also();
    await silent.come();
    const follow = (on) => client.accepted('statusSubscribed', { action: 'subscribeStatus', parameters: { on } });
    assert.deepEqual(await follow(true), { on: true });
    await node.come();
    const sent = [];
    for (let index = 0; index < 4; index += 1) sent.push((await client.queue(node.id, index, { id: `m${index}` })).queue_id);
    const ends = async (queueId, id, state) => {
      const told = await client.states.next(`the state of ${queueId}`);
      assert.deepEqual(told, { queue_id: queueId, id, state, since: told.since });
    };
    await node.acknowledge((await node.take(4))[0]);
    await ends(sent[0], 'm0', 'delivered');
    await withdraw(client, sent[1]);
    await ends(sent[1], 'm1', 'withdrawn');
    await node.queue(client.id, 'an answer', { queue_id: sent[2] });
    await ends(sent[2], 'm2', 'delivered');
    await node.accepted('deleted', { action: 'delete', parameters: { token: node.token } });
    await ends(sent[3], 'm3', 'refused');

    await follow(false);
    const next = await Peer.register(server, 'node', 'HTTP');
    await next.remove((await client.queue(next.id, 'an order')).queue_id);
    await client.settled();
    await silent.settled();
    assert.deepEqual([client.states.size, silent.states.size], [0, 0]);
  });
}

/** Sends until it is refused; returns the numbers of what was taken. */
async function fill(sender, recipient, content) {
  const taken = [];
  for (;;) {
    const { action, parameters } = await sender.ask({ action: 'queue', recipient: recipient.id, parameters: content });
    if (action === 'queueFailed') {
      assert.equal(parameters.code, 'queue_full');
      return taken;
    }
    taken.push(parameters.queue_id);
  }
}

test('a full queue is told to the sender, and keeps what was taken', async (t) => {
  const cases = [
    ['messages of a pair', { NILE_MESSAGES_PER_PAIR: '7' }, 'x', [7, 7]],
    ['messages for a recipient', { NILE_MESSAGES_PER_RECIPIENT: '9', NILE_MESSAGES_PER_PAIR: '6' }, 'x', [6, 3]],
    ['bytes for a recipient', { NILE_MESSAGES_BYTES_PER_RECIPIENT: '10000' }, 'x'.repeat(998), [10, 0]],
  ];
  for (const [what, env, content, counts] of cases) {
    await t.test(what, async (t) => {
      const server = await startServer(t, { env });
      const { client, node } = await parties(server);
      const other = await Peer.register(server, 'client', 'WebSocket');
      await other.come();
      const taken = [await fill(client, node, content), await fill(other, node, content)];
      assert.deepEqual(taken.map(({ length }) => length), counts);
      await client.refused('queue_full', { action: 'buy', recipient: node.id, parameters: content }, 'client.to.node');
      const { queue, total } = await node.come();
      assert.deepEqual(queue.map((row) => row.queue_id), taken.flat());
      assert.equal(total, taken.flat().length);
      await node.remove(taken[0][0]);
      await client.queue(node.id, content);
      await client.refused('queue_full', { action: 'queue', recipient: node.id, parameters: content });

      await server.kill();
      await server.start();
      await node.lost();
      assert.equal((await node.come()).total, total, 'nothing that was taken is lost');
    });
  }
});

test('a party that never acknowledges is shown page after page', async (t) => {
  const server = await startServer(t, { env: { NILE_MESSAGES_PER_PAIR: '250' } });
  const { client, node } = await parties(server);
  const senders = [client, await Peer.register(server, 'client', 'HTTP'), await Peer.register(server, 'client', 'HTTP')];
  const sent = [];
  for (let index = 0; index < 600; index += 1) sent.push((await senders[index % 3].queue(node.id, index)).queue_id);
  let before;
  const page = async () => {
    // Over HTTP, so that nothing but the page is handed over. What was handed over is noted soon, not at once.
    const handed = await until(async () => {
      const { queue, total, more } = await node.also('HTTP').come();
      assert.deepEqual([total, more], [600, queue.length < 600]);
      return queue[0]?.queue_id !== before && queue;
    }, 'another page');
    before = handed[0]?.queue_id;
    return handed.map((row) => row.queue_id);
  };
  for (let round = 0; round < 2; round += 1) {
    assert.deepEqual(await page(), sent.slice(0, 256));
    assert.deepEqual(await page(), sent.slice(256, 512));
    assert.deepEqual(await page(), sent.slice(512));
  }
  assert.deepEqual((await node.also('HTTP').come({ limit: 0 })).queue, []);
  assert.deepEqual(await page(), sent.slice(0, 256), 'a page of none hands nothing over');
  await server.restart();
  assert.deepEqual(await page(), sent.slice(256, 512), 'also after a restart');

  await node.also('HTTP').remove(sent[599]);
  const { queue, total } = await node.also('HTTP').come();
  assert.deepEqual([queue[0].queue_id, queue.length, total], [sent[0], 256, 599], 'who acknowledges sees the oldest');
});

test('a party that never acknowledges is shown the next page also when it comes at once', async (t) => {
  const server = await startServer(t);
  const { client, node } = await parties(server);
  for (let index = 0; index < 100; index += 1) await client.queue(node.id, index);
  const first = async () => (await node.also('HTTP').come({ limit: 1 })).queue[0].content;
  for (let index = 0; index < 100; index += 1) assert.equal(await first(), index);
});

test('what does not fit into the page is pushed after it, each once', async (t) => {
  const server = await startServer(t, { env: { NILE_MESSAGES_PER_PAIR: '600' } });
  for (const way of ['Socket.IO 4', 'Socket.IO 2', 'WebSocket']) {
    await t.test(way, async () => {
      const { client } = await parties(server);
      const node = await Peer.register(server, 'node', way);
      const sent = [];
      for (let index = 0; index < 500; index += 1) sent.push((await client.queue(node.id, index)).queue_id);
      const { queue } = await node.come();
      assert.deepEqual(queue.map((row) => row.queue_id), sent.slice(0, 256));
      const { queue_id: last } = await client.queue(node.id, 'new');
      const heard = await node.take(501);
      assert.deepEqual(heard.map((message) => message.queue_id), [...sent, last]);
      await node.settled();
      assert.equal(node.heard.length, 501);
      await node.remove(...sent, last);
      await reaches(client, last, 'delivered');
    });
  }
});

// A shopper orders and a shop answers: on every pair of ways, both there or one after the other, and whatever
// happens to the server in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Peer, reaches } from './support/peer.js';
import { startServer } from './support/server.js';

const WAYS = ['Socket.IO 4', 'Socket.IO 2', 'WebSocket', 'HTTP'];

const ORDER = { bread: 2, note: 'ben cotto, più tardi 🍞' };
const ANSWER = { key: 'state', data: ['at noon', { euro: 5.4 }] };

/** What may happen between two steps. Whoever was online (`peers`) then comes again. */
const BETWEEN = {
  'nothing happens': async () => {},
  'the server is restarted': async (server, ...peers) => {
    await server.restart();
    await comeAgain(peers);
  },
  'the server is killed': async (server, ...peers) => {
    await server.kill();
    await server.start();
    await comeAgain(peers);
  },
};

async function comeAgain(peers) {
  for (const peer of peers) {
    await peer.lost();
    await peer.come();
  }
}

/** What `peer` heard of this message was the same each time, and how often it heard it. */
function timesHeard(peer, { queue_id: queueId, content, sender }) {
  const heard = peer.heard.filter((message) => message.queue_id === queueId);
  for (const message of heard) assert.deepEqual([message.content, message.sender], [content, sender]);
  return heard.length;
}

/** Nothing waits for these two any more, and what they have sent is delivered. */
async function over(sent) {
  for (const [sender, queueId] of sent) await reaches(sender, queueId, 'delivered');
  for (const [peer] of sent) {
    const { queue, total, more } = await peer.also('HTTP').come();
    assert.deepEqual({ queue, total, more }, { queue: [], total: 0, more: false });
  }
}

/** The shop is there when the order comes, and answers on the channel of the parties. */
async function meet(server, shopper, shop, between) {
  await shop.come();
  await shopper.come();
  const sent = await shopper.send(shop.id, 'buy', ORDER);
  const type = shop.link.isOnline ? 'forward' : 'queue';
  assert.deepEqual(sent, { success: true, type, queue_id: sent.queue_id });

  const order = await shop.next();
  assert.equal(order.queue_id, sent.queue_id);
  assert.deepEqual([order.sender, order.sender_kind], [shopper.id, 'client']);
  assert.deepEqual(order.content, { action: 'buy', parameters: ORDER });
  if (order.by === 'push') {
    assert.deepEqual([order.event, order.action, order.parameters], ['client.to.node', 'buy', ORDER]);
  }

  await between(server, shop, shopper);
  const again = shop.heard.findLast((message) => message.queue_id === order.queue_id);
  await shop.acknowledge(again);
  const answered = await shop.send({ recipient: shopper.id }, 'setState', ANSWER);
  const answer = await shopper.next();
  assert.equal(answer.queue_id, answered.queue_id);
  assert.deepEqual([answer.sender, answer.sender_kind], [shop.id, 'node']);
  assert.deepEqual(answer.content, { action: 'setState', parameters: ANSWER });
  await shopper.acknowledge(answer);
  await over([
    [shopper, order.queue_id],
    [shop, answer.queue_id],
  ]);
  if (between === BETWEEN['nothing happens'] && shop.link.isOnline) assert.equal(timesHeard(shop, order), 1);
  else assert.ok(timesHeard(shop, order) >= 1);
  if (shopper.link.isOnline) assert.equal(timesHeard(shopper, answer), 1);
}

/** The shop finds the order when it comes, and the shopper the answer, neither ever meeting the other. */
async function miss(server, shopper, shop, between) {
  await shop.go();
  await shopper.come();
  const { queue_id: queueId } = await shopper.queue(shop.id, ORDER);
  await shopper.go();
  await between(server);

  const { queue, total, more } = await shop.come();
  assert.deepEqual([total, more], [1, false]);
  const [{ queued_at: queuedAt, ...row }] = queue;
  // There until the server has noticed that the shopper has gone.
  delete row.ws_id;
  assert.ok(Math.abs(queuedAt - Date.now()) < 60_000, 'milliseconds since 1970');
  assert.deepEqual(row, { queue_id: queueId, sender: shopper.id, sender_kind: 'client', recipient: shop.id, content: ORDER });
  const order = await shop.next();
  const answered = await shop.queue(shopper.id, ANSWER, { queue_id: order.queue_id });
  await shop.go();
  await between(server);

  const logged = await shopper.come();
  assert.equal(logged.total, 1);
  assert.deepEqual([logged.queue[0].queue_id, logged.queue[0].content], [answered.queue_id, ANSWER]);
  const answer = await shopper.next();
  assert.deepEqual(await shopper.process(answer.queue_id), { queue: [], total: 0, more: false });
  await shop.come();
  await over([
    [shopper, queueId],
    [shop, answer.queue_id],
  ]);
  assert.equal(timesHeard(shop, order), 1);
  assert.equal(timesHeard(shopper, answer), 1);
}

const STORIES = {
  'the shop is there when the order comes': meet,
  'the shop comes when the shopper has gone, and the shopper when the shop has gone': miss,
};

for (const shopperWay of WAYS) {
  for (const shopWay of WAYS) {
    test(`a shopper on ${shopperWay} and a shop on ${shopWay}`, async (t) => {
      const server = await startServer(t);
      for (const [title, story] of Object.entries(STORIES)) {
        for (const [what, between] of Object.entries(BETWEEN)) {
          await t.test(`${title}; ${what} in between`, async () => {
            const shopper = await Peer.register(server, 'client', shopperWay);
            const shop = await Peer.register(server, 'node', shopWay);
            await story(server, shopper, shop, between);
          });
        }
      }
    });
  }
}

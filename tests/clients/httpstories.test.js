// An order and its answer where a party is on HTTP: by a stream, by asking, or at a URL, there or away, whatever happens to the server.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Listener, Waiter } from './support/events.js';
import { Peer, reaches } from './support/peer.js';
import { startServer } from './support/server.js';
import { PostedPeer, answer as answering } from './support/urlnode.js';

const ORDER = { bread: 2, note: 'ben cotto, più tardi 🍞' };
const ANSWER = { key: 'state', data: ['at noon', { euro: 5.4 }] };

const connected = (way) => (t, server, kind) => Peer.register(server, kind, way);
const overHttp = (Party) => (t, server, kind) => Party.register(server, kind);

/** A shop that answers each order as it is posted. */
class AnsweringShop extends PostedPeer {
  async come() {
    this.site.always = answering(ANSWER);
  }

  answer(shopper, order) {
    return reaches(shopper.also('HTTP'), order.queue_id, 'delivered');
  }
}

const SHOPPERS = {
  'Socket.IO': connected('Socket.IO 4'),
  WebSocket: connected('WebSocket'),
  'HTTP with a stream': overHttp(Listener),
  'HTTP, asking': overHttp(Waiter),
};

const SHOPS = { ...SHOPPERS, 'a URL': (t, server) => AnsweringShop.register(t, server) };

const answer = (shop, shopper, order) =>
  shop.answer ? shop.answer(shopper, order) : shop.queue(shopper.id, ANSWER, { queue_id: order.queue_id });

/** What may happen between two steps. */
const BETWEEN = {
  'nothing happens': async () => {},
  'the server is restarted': (server) => server.restart(),
  'the server is killed': async (server) => {
    await server.kill();
    await server.start();
  },
};

/** Whoever was there when the server ended comes again. */
async function between(server, what, ...peers) {
  await BETWEEN[what](server);
  if (what === 'nothing happens') return;
  for (const peer of peers) {
    await peer.lost();
    await peer.come();
  }
}

/** The shopper has its answer and says so; nothing waits for either, and both know what became of what they sent. */
async function conclude(shopper, shop, order) {
  const heard = await shopper.next();
  assert.deepEqual([heard.sender, heard.sender_kind, heard.content], [shop.id, 'node', ANSWER]);
  // By its number: the connection that it came on may be gone.
  await shopper.remove(heard.queue_id);
  await reaches(shopper.also('HTTP'), order.queue_id, 'delivered');
  await reaches(shop.also('HTTP'), heard.queue_id, 'delivered');
  for (const peer of [shopper, shop]) {
    const { queue, total, more } = await peer.also('HTTP').come();
    assert.deepEqual({ queue, total, more }, { queue: [], total: 0, more: false });
  }
}

async function hearOrder(shop, shopper, queueId) {
  const order = await shop.next();
  assert.deepEqual([order.queue_id, order.sender, order.sender_kind, order.content], [queueId, shopper.id, 'client', ORDER]);
  return order;
}

async function meet(server, shopper, shop, what) {
  await shop.come();
  await shopper.come();
  const { queue_id: queueId } = await shopper.queue(shop.id, ORDER);
  const order = await hearOrder(shop, shopper, queueId);
  await between(server, what, shop, shopper);
  await answer(shop, shopper, order);
  await conclude(shopper, shop, order);
}

async function miss(server, shopper, shop, what) {
  await shop.go();
  await shopper.come();
  const { queue_id: queueId } = await shopper.queue(shop.id, ORDER);
  await shopper.go();
  // A shop at a URL is asked, and refuses.
  if (shop.site) await hearOrder(shop, shopper, queueId);
  await between(server, what);

  await shop.come();
  const order = await hearOrder(shop, shopper, queueId);
  await answer(shop, shopper, order);
  await shop.go();
  await between(server, what);

  await shopper.come();
  await conclude(shopper, shop, order);
}

const STORIES = {
  'the shop is there when the order comes': meet,
  'the shop comes when the shopper has gone, and the shopper when the shop has gone': miss,
};

test('an order and its answer', { concurrency: 4 }, async (t) => {
  const pairs = Object.entries(SHOPPERS).flatMap(([shopperWay, openShopper]) =>
    Object.entries(SHOPS).map(([shopWay, openShop]) => ({ shopperWay, openShopper, shopWay, openShop })),
  );
  const stories = pairs.map(({ shopperWay, openShopper, shopWay, openShop }) =>
    t.test(`a shopper on ${shopperWay} and a shop on ${shopWay}`, async (t) => {
      const server = await startServer(t, { env: { NILE_DELIVERIES_TRUSTED_NETWORKS: '127.0.0.0/8' } });
      for (const [title, story] of Object.entries(STORIES)) {
        for (const what of Object.keys(BETWEEN)) {
          await t.test(`${title}; ${what} in between`, async (t) => {
            const shopper = await openShopper(t, server, 'client');
            const shop = await openShop(t, server, 'node');
            if (!shop.site) await shop.go();
            await story(server, shopper, shop, what);
          });
        }
      }
    }),
  );
  await Promise.all(stories);
});

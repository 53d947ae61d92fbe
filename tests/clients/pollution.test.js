// Keys with which JavaScript changes what all its objects inherit. The instance refuses them in what it keeps and
// shows to others, passes over them in requests, and carries them unread in what parties send each other.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HASH } from './support/cycle.js';
import { Peer } from './support/peer.js';
import { startServer } from './support/server.js';

const WAYS = ['Socket.IO 4', 'Socket.IO 3', 'Socket.IO 2', 'WebSocket', 'HTTP'];

/** An object with an own member of this key, which `{}` literals would treat specially. */
const own = (key, value) => JSON.parse(`{${JSON.stringify(key)}:${JSON.stringify(value)}}`);

const VALUES = [{ admin: true }, { prototype: { admin: true } }, own('__proto__', { admin: true }), { toString: null }, null, 1, 'admin', []];

/** Where such an object may stand in another one. */
const PLACES = [
  (object) => object,
  (object) => ({ name: 'Anna', ...object }),
  (object) => ({ inner: object }),
  (object) => ({ list: [1, object] }),
  (object) => ({ a: { b: [{ c: object }] } }),
];

const PAYLOADS = ['__proto__', 'constructor', 'prototype'].flatMap((key) =>
  VALUES.flatMap((value) => PLACES.map((place) => place(own(key, value)))),
);

const INHERITED = [Object, Array, Function, String].map(({ prototype }) => [prototype, Reflect.ownKeys(prototype)]);

/** Nothing that all objects inherit has changed. */
function assertClean() {
  assert.equal({}.admin, undefined);
  for (const [prototype, keys] of INHERITED) assert.deepEqual(Reflect.ownKeys(prototype), keys);
}

/** What came is what was sent, as members of an ordinary object. */
function assertSame(received, sent) {
  assert.equal(JSON.stringify(received), JSON.stringify(sent));
  assert.equal(Object.getPrototypeOf(received), Object.prototype);
  assertClean();
}

for (const way of WAYS) {
  test(`${way}: keys that change prototypes change none`, async (t) => {
    const server = await startServer(t);
    const shop = await Peer.register(server, 'node', way);
    const shopper = await Peer.register(server, 'client', way);
    await shop.come();
    await shopper.come();

    for (const payload of PAYLOADS) {
      const { token } = shopper;
      await shopper.refused('invalid_information', { action: 'register', parameters: { information: payload } });
      await shopper.refused('invalid_information', { action: 'update', parameters: { information: payload, token } });
      const parameters = { hash: HASH, information: payload };
      await shop.refused('invalid_information', { action: 'register', parameters });

      assert.deepEqual(await shopper.accepted('pinged', { ...payload, action: 'ping', parameters: payload }), { success: true });
      const who = { ...payload, action: 'login', parameters: { ...payload, token } };
      assert.equal((await shopper.accepted('logged', who)).id, shopper.id);
      assertClean();

      await shopper.queue(shop.id, payload);
      const first = await shop.next();
      assertSame(first.content, payload);
      await shop.remove(first.queue_id);
      await shopper.send(shop.id, 'order', payload);
      const second = await shop.next();
      assertSame(second.content.parameters, payload);
      await shop.remove(second.queue_id);
    }
    assert.equal((await shop.come()).total, 0);
  });
}

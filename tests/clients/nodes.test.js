// Nodes: the cycle, what is refused, and that a client and a node of one number have nothing to do with each other.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ANNA,
  HASH,
  MOVED,
  NEW_HASH,
  NODE_TOKEN,
  SHOP,
  goThroughAsNode,
  logged,
  loggedNode,
  nodeStillThere,
  register,
  registerNode,
} from './support/cycle.js';
import { within } from './support/deadline.js';
import { call } from './support/http.js';
import { startServer } from './support/server.js';
import { SOCKETS, WAYS, asNode, http, rawWebSocket } from './support/ways.js';

const WITH_TOKEN = ['login', 'update', 'delete', 'rotateToken'];

const login = (token) => ({ action: 'login', parameters: { token } });
const remove = (token) => ({ action: 'delete', parameters: { token } });
const registration = (parameters) => ({ action: 'register', parameters, id: 'r' });
/** A request that is complete for either kind. */
const request = (action, token) => ({ action, parameters: { token, ...(action === 'update' && { information: ANNA, hash: HASH }) } });

/** `[what, hash]`: what is no content identifier. */
const NO_HASHES = [
  ['an empty string', ''],
  ['a word', 'components'],
  ['a path behind it', `ipfs://${HASH}/menu.json`],
  ['a slash behind it', `ipfs://${HASH}/`],
  ['a gateway before it', `https://ipfs.io/ipfs/${HASH}`],
  ['a blank before it', ` ${HASH}`],
  ['a character too few', HASH.slice(0, -1)],
  ['a character too many', `${HASH}1`],
  ['a letter that base58 has not', `${HASH.slice(0, -1)}0`],
  ['version 1 cut short', NEW_HASH.slice(0, -2)],
  ['version 1 in capitals', NEW_HASH.toUpperCase()],
  ['a very long one', `b${'a'.repeat(10_000)}`],
  ['a number', 5],
  ['null', null],
  ['an object', { '/': HASH }],
];

for (const [name, open] of Object.entries(asNode(WAYS))) {
  test(`${name}: a node`, async (t) => {
    const server = await startServer(t);
    const way = await open(server);
    let node;

    await t.test('goes through the cycle', async () => {
      node = await goThroughAsNode(way);
      if (way.connection) assert.equal(way.connection.unread, 0, 'each answer comes once, and as to a node');
    });

    await t.test('registers without information, and with the older name of the hash', async () => {
      for (const parameters of [{ hash: HASH }, { components: `ipfs://${HASH}` }, { hash: HASH, components: `ipfs://${HASH}` }]) {
        const { token, id } = await registerNode(way, parameters);
        assert.deepEqual(await way.accepted(login(token)), loggedNode(id, HASH, {}));
        await way.accepted({ action: 'update', parameters: { token, components: `ipfs://${NEW_HASH}`, information: SHOP } });
        assert.deepEqual(await way.accepted(login(token)), loggedNode(id, NEW_HASH, SHOP));
      }
    });

    for (const [what, hash] of NO_HASHES) {
      await t.test(`is refused with a hash that is none: ${what}`, async () => {
        for (const key of ['hash', 'components']) {
          await way.refused(registration({ [key]: hash }), 'invalid_hash', 'hash');
          await way.refused({ action: 'update', parameters: { token: node.token, [key]: hash } }, 'invalid_hash', 'hash');
        }
      });
    }

    await t.test('is refused what a node cannot ask', async () => {
      await way.refused(registration({}), 'invalid_parameters', 'hash');
      await way.refused(registration({ information: SHOP }), 'invalid_parameters', 'hash');
      await way.refused(registration({ hash: HASH, components: NEW_HASH }), 'invalid_parameters', 'hash');
      await way.refused(registration({ hash: HASH, information: [] }), 'invalid_information', 'information');
      const { token } = node;
      await way.refused({ action: 'update', parameters: { token } }, 'invalid_parameters', 'parameters');
      await way.refused({ action: 'update', parameters: { token, information: { name: 5 } } }, 'invalid_information', 'information.name');
      await way.refused({ action: 'updateNodeList', id: 5 }, 'unknown_action');
      for (const action of WITH_TOKEN) await way.refused({ action, parameters: { hash: HASH } }, 'invalid_parameters', 'token');
    });

    await t.test('does not get in with what is no token of a node', async () => {
      const { token: anna } = await register(way.as('client'));
      const { token } = node;
      const wrong = [anna, anna.replace('nlc_', 'nln_'), token.replace('nln_', 'nlc_'), token.slice(0, -1), 'SECRET_TOKEN', ''];
      for (const action of WITH_TOKEN) {
        for (const text of wrong) {
          const { msg } = await way.refused(request(action, text), 'invalid_token');
          assert.equal(msg, 'token not valid');
        }
        await way.as('client').refused(request(action, token), 'invalid_token');
      }
      assert.equal((await way.as('client').accepted(login(anna))).id, 1);
    });

    await t.test('is as it was after all this, also when the server has been restarted', async () => {
      await nodeStillThere(way, node);
      await server.restart();
      await nodeStillThere(await open(server), node);
    });
  });
}

test('a client and a node of one number are two parties', async (t) => {
  const server = await startServer(t);
  const way = await http(server);
  const clients = [await register(way), await register(way)];
  const nodes = [await registerNode(way.as('node')), await registerNode(way.as('node'))];
  assert.deepEqual(clients.map(({ id }) => id), [1, 2]);
  assert.deepEqual(nodes.map(({ id }) => id), [1, 2]);

  const [client, node] = [await rawWebSocket()(server), (await rawWebSocket()(server)).as('node')];
  assert.deepEqual(await client.accepted(login(clients[0].token)), logged(1, ANNA));
  assert.deepEqual(await node.accepted(login(nodes[0].token)), loggedNode(1, HASH, SHOP));

  await way.accepted({ action: 'update', parameters: { token: clients[0].token, information: MOVED } });
  assert.deepEqual(await node.accepted(login(nodes[0].token)), loggedNode(1, HASH, SHOP));

  await way.accepted(remove(clients[0].token));
  await within(client.connection.closed, 'the client to be closed');
  assert.deepEqual(await node.accepted(login(nodes[0].token)), loggedNode(1, HASH, SHOP));

  const { token } = await way.as('node').accepted({ action: 'rotateToken', parameters: { token: nodes[1].token } });
  assert.match(token, NODE_TOKEN);
  await way.as('node').accepted(login(token));
  await way.as('node').refused(login(nodes[1].token), 'invalid_token');
  assert.deepEqual(await way.accepted(login(clients[1].token)), logged(2, ANNA));
});

for (const [name, open] of Object.entries(SOCKETS)) {
  test(`${name}: a connection is one party, of whichever kind`, async (t) => {
    const server = await startServer(t);
    const elsewhere = await http(server);

    await t.test('logging in as a node replaces the client', async () => {
      const [anna, shop] = [await register(elsewhere), await registerNode(elsewhere.as('node'))];
      const way = await open(server);
      await way.accepted(login(anna.token));
      assert.deepEqual(await way.as('node').accepted(login(shop.token)), loggedNode(shop.id, HASH, SHOP));
      await elsewhere.accepted(remove(anna.token));
      await isOpen(way);
      await elsewhere.as('node').accepted(remove(shop.token));
      await within(way.connection.closed, 'the connection to be closed');
    });

    await t.test('logging in as a client replaces the node', async () => {
      const [anna, shop] = [await register(elsewhere), await registerNode(elsewhere.as('node'))];
      const way = await open(server);
      await way.as('node').accepted(login(shop.token));
      assert.deepEqual(await way.accepted(login(anna.token)), logged(anna.id, ANNA));
      await elsewhere.as('node').accepted(remove(shop.token));
      await isOpen(way);
      await elsewhere.accepted(remove(anna.token));
      await within(way.connection.closed, 'the connection to be closed');
    });

    await t.test('a failed login as the other kind changes nothing', async () => {
      const shop = await registerNode(elsewhere.as('node'));
      const way = await open(server);
      await way.as('node').accepted(login(shop.token));
      await way.refused(login(shop.token), 'invalid_token');
      await elsewhere.as('node').accepted(remove(shop.token));
      await within(way.connection.closed, 'the connection to be closed');
    });

    await t.test('logout on either channel ends the login', async () => {
      const shop = await registerNode(elsewhere.as('node'));
      const way = await open(server);
      await way.as('node').accepted(login(shop.token));
      assert.deepEqual(await way.accepted({ action: 'logout' }), {});
      await elsewhere.as('node').accepted(remove(shop.token));
      await isOpen(way);
    });

    await t.test('a node that deletes itself is answered first, and closed then', async () => {
      const way = (await open(server)).as('node');
      const { token } = await registerNode(way);
      await way.accepted(login(token));
      assert.deepEqual(await way.accepted({ ...remove(token), id: 'bye' }), {});
      await within(way.connection.closed, 'the connection to be closed');
      await elsewhere.as('node').refused(login(token), 'invalid_token');
    });
  });
}

/** The connection answers, twice: once behind what was under way, once behind what that has set off. */
async function isOpen(way) {
  await way.accepted({ action: 'ping', id: 1 });
  await way.accepted({ action: 'ping', id: 2 });
}

test('HTTP: a node has its own path', async (t) => {
  const server = await startServer(t);
  const path = '/node/to/instance';
  const answer = await call(server, { action: 'register', parameters: { hash: HASH } }, { path });
  assert.equal(answer.status, 200);
  assert.match(answer.body.token, NODE_TOKEN);
  const headers = { authorization: `Bearer ${answer.body.token}` };
  const welcome = await call(server, { action: 'login' }, { path, headers });
  assert.deepEqual([welcome.status, welcome.body], [200, loggedNode(answer.body.id, HASH, {})]);
  assert.equal((await call(server, { action: 'login' }, { headers })).status, 401, 'not where clients go');
  await (await http(server)).as('node').refused({ action: 'logout' }, 'forbidden');
  const post = await call(server, { action: 'register', parameters: { hash: HASH } }, { path, method: 'POST' });
  assert.equal(post.body.code, 'invalid_request');
});

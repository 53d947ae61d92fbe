// The main job of an instance, written once: a client or a node registers, logs in, updates, logs in again.

import assert from 'node:assert/strict';

export const TOKEN = /^nlc_([1-9][0-9]*)_([A-Za-z0-9_-]{43})$/;

export const ANNA = { name: 'Anna', location: 'Ravenna' };
export const MOVED = { name: 'Anna', location: 'Forlì', favourites: ['bread', { open: true }], visits: 12 };

export const NODE_TOKEN = /^nln_([1-9][0-9]*)_([A-Za-z0-9_-]{43})$/;

export const SHOP = { name: 'Forno', location: 'Ravenna', open: ['morning', { sunday: false }] };
export const HASH = 'QmNLfbof5rLekrACjeuLk9JmGZD2HDBHCU4z16iYKmx5SE';
export const NEW_HASH = 'bafybeiaaaebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4';

/** What `logged` says of a client for whom nothing waits. */
export const logged = (id, information) => ({ queue: [], information, id, total: 0, more: false });

/** Registers a client and checks what it is given; returns `{token, id}`. */
export async function register(way, information = ANNA) {
  const registered = await way.accepted({ action: 'register', parameters: { information } });
  assert.deepEqual(Object.keys(registered).sort(), ['id', 'token']);
  assert.match(registered.token, TOKEN);
  assert.equal(registered.id, Number(TOKEN.exec(registered.token)[1]), 'the id that the token names');
  return registered;
}

/** register, login, update, login; returns the `{token, id}` of a client whose information is now `MOVED`. */
export async function goThrough(way) {
  const { token, id } = await register(way);
  const login = { action: 'login', parameters: { token } };
  assert.deepEqual(await way.accepted(login), logged(id, ANNA));
  const update = { action: 'update', parameters: { token, information: MOVED } };
  assert.deepEqual(await way.accepted(update), {});
  assert.deepEqual(await way.accepted(login), logged(id, MOVED));
  return { token, id };
}

/** What `goThrough` left is still there. */
export async function stillThere(way, { token, id }) {
  const login = { action: 'login', parameters: { token } };
  assert.deepEqual(await way.accepted(login), logged(id, MOVED));
}

/** What `logged` says of a node for which nothing waits. */
export const loggedNode = (id, hash, information) => ({ hash, ...logged(id, information) });

/** Registers a node and checks what it is given; returns `{token, id}`. */
export async function registerNode(way, parameters = { hash: HASH, information: SHOP }) {
  const registered = await way.accepted({ action: 'register', parameters });
  assert.deepEqual(Object.keys(registered).sort(), ['id', 'token']);
  assert.match(registered.token, NODE_TOKEN);
  assert.equal(registered.id, Number(NODE_TOKEN.exec(registered.token)[1]), 'the id that the token names');
  return registered;
}

/** register, login, update, login; returns the `{token, id}` of a node that has now `NEW_HASH` and `MOVED`. */
export async function goThroughAsNode(way) {
  const { token, id } = await registerNode(way);
  const login = { action: 'login', parameters: { token } };
  const update = (parameters) => way.accepted({ action: 'update', parameters: { token, ...parameters } });
  assert.deepEqual(await way.accepted(login), loggedNode(id, HASH, SHOP));
  assert.deepEqual(await update({ hash: `ipfs://${NEW_HASH}` }), {});
  assert.deepEqual(await way.accepted(login), loggedNode(id, NEW_HASH, SHOP));
  assert.deepEqual(await update({ information: MOVED }), {});
  assert.deepEqual(await way.accepted(login), loggedNode(id, NEW_HASH, MOVED));
  return { token, id };
}

/** What `goThroughAsNode` left is still there. */
export async function nodeStillThere(way, { token, id }) {
  const login = { action: 'login', parameters: { token } };
  assert.deepEqual(await way.accepted(login), loggedNode(id, NEW_HASH, MOVED));
}

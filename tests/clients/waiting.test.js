// Long polling: one answer with what waits, or with what comes first.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { within } from './support/deadline.js';
import { bearer, eventsOf, waitFor } from './support/events.js';
import { OTHER, numbers, pair, sendAll } from './support/pair.js';
import { startServer } from './support/server.js';
import { checkProblem } from './support/ways.js';

const EMPTY = { queue: [], total: 0, more: false };

const since = async (asked) => {
  const began = Date.now();
  return { ...(await asked), taken: Date.now() - began };
};

for (const kind of ['client', 'node']) {
  test(`a ${kind} that waits`, async (t) => {
    const server = await startServer(t);
    const meet = async () => {
      const parties = await pair(server);
      const { [kind]: listener, [OTHER[kind]]: sender } = parties;
      return { listener, sender, wait: (query) => waitFor(server, listener, query) };
    };

    await t.test('has at once what there is, as processQueue has it', async () => {
      const { listener, sender, wait } = await meet();
      await sendAll(sender, listener, 1, 3);
      const { status, type, body, taken } = await since(wait('?wait=60'));
      assert.deepEqual([status, type], [200, 'application/json']);
      assert.deepEqual(body, await listener.process());
      assert.deepEqual(numbers(body.queue), [1, 2, 3]);
      assert.ok(taken < 5000, `${taken} ms`);
      assert.deepEqual((await wait('?wait=60')).body.total, 3, 'until it is removed');
    });

    await t.test('has the page that it asks for', async () => {
      const { listener, sender, wait } = await meet();
      // Who has never removed anything is shown the next page each time.
      await listener.remove(...(await sendAll(sender, listener, 0, 0)));
      await sendAll(sender, listener, 1, 3);
      const pages = await Promise.all([0, 2, 3, 1000].map((limit) => wait(`?limit=${limit}&wait=9`)));
      const shown = pages.map(({ body: { queue, total, more } }) => [numbers(queue), total, more]);
      const all = [[1, 2, 3], 3, false];
      assert.deepEqual(shown, [[[], 3, true], [[1, 2], 3, true], all, all]);
    });

    await t.test('has what comes, and so have all who wait', async () => {
      const { listener, sender, wait } = await meet();
      const waiting = Array.from({ length: 3 }, () => wait('?wait=10'));
      // By the time that this is answered they wait.
      await wait('?wait=1');
      const [queueId] = await sendAll(sender, listener, 1, 1);
      for (const { status, body } of await Promise.all(waiting)) {
        assert.equal(status, 200);
        assert.deepEqual(body.queue.map((row) => row.queue_id), [queueId]);
      }
      assert.equal((await listener.process()).total, 1);
    });

    await t.test('has an empty page when the time is over', async () => {
      const { wait } = await meet();
      const now = await since(wait('?wait=0'));
      assert.deepEqual([now.status, now.body], [200, EMPTY]);
      assert.ok(now.taken < 900, `${now.taken} ms`);
      const later = await since(wait('?wait=1'));
      assert.deepEqual([later.status, later.body], [200, EMPTY]);
      assert.ok(later.taken > 950 && later.taken < 5000, `${later.taken} ms`);
    });

    await t.test('misses nothing that comes between two questions', async () => {
      const { listener, sender, wait } = await meet();
      const sending = sendAll(sender, listener, 1, 30);
      const heard = [];
      while (heard.length < 30) {
        const { body } = await wait('?wait=10');
        heard.push(...numbers(body.queue));
        await listener.remove(...body.queue.map((row) => row.queue_id));
      }
      assert.deepEqual(heard, Array.from({ length: 30 }, (_, index) => index + 1));
      await sending;
    });

    await t.test('and goes away takes nothing with it', async () => {
      const { listener, sender, wait } = await meet();
      const abort = new AbortController();
      const gone = fetch(server.url + eventsOf(kind, '?wait=60'), { headers: bearer(listener.token), signal: abort.signal });
      gone.catch(() => {});
      await wait('?wait=0');
      abort.abort();
      await sendAll(sender, listener, 1, 1);
      assert.deepEqual(numbers((await wait('?wait=10')).body.queue), [1]);
    });

    await t.test('is answered when its token is replaced meanwhile, as all that is asked with it', async () => {
      const { listener, sender, wait } = await meet();
      const waiting = wait('?wait=10');
      const { token } = listener;
      const { token: next } = await listener.accepted('tokenRotated', { action: 'rotateToken', parameters: { token } });
      await Object.assign(listener, { token: next }).process();
      await sendAll(sender, listener, 1, 1);
      checkProblem(await waiting, 'invalid_token');
    });
  });
}

test('those who wait are answered when the server ends, and do not hold it up', async (t) => {
  const server = await startServer(t);
  const { client, node } = await pair(server);
  const waiting = [client, node].map((listener) => waitFor(server, listener, '?wait=60'));
  // Both are there when the server has answered later questions.
  for (const listener of [client, node]) await waitFor(server, listener, '?wait=1');
  const began = Date.now();
  await server.stop();
  const taken = Date.now() - began;
  assert.ok(taken < 4000, `the end took ${taken} ms`);
  for (const { status, body } of await within(Promise.all(waiting), 'answers')) {
    assert.deepEqual([status, body], [200, EMPTY]);
  }
});

// A shopper and a shop that may write to each other, and many messages between them.

import { Listener } from './events.js';

export const OTHER = { client: 'node', node: 'client' };

/** A client and a node over HTTP that have met: the node may write to the client, and nothing waits for either. */
export async function pair(server) {
  const client = await Listener.register(server, 'client');
  const node = await Listener.register(server, 'node');
  await introduce(client, node);
  return { client, node };
}

/** Has `client` write to `node`, which takes it. */
export async function introduce(client, node) {
  const { queue_id: queueId } = await client.queue(node.id, 'hello');
  await node.also('HTTP').remove(queueId);
}

/** Sends `{n}` for each number from `first` to `last`, one after the other, and `rest` with each; returns the `queue_id`s. */
export async function sendAll(sender, recipient, first, last, rest = {}) {
  const queueIds = [];
  for (const n of range(first, last)) {
    const { queue_id: queueId } = await sender.queue(recipient.id, { n, ...rest });
    queueIds.push(queueId);
  }
  return queueIds;
}

/** The numbers in what was heard. */
export const numbers = (messages) => messages.map(({ content }) => content.n);

/** `first, first + 1, … last` */
export const range = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

// A node at a URL: an HTTP server that is posted its messages, and does with them what a test says.

import assert from 'node:assert/strict';
import http from 'node:http';

import { HASH, SHOP } from './cycle.js';
import { Inbox } from './deadline.js';
import { isFromInstance } from './document.js';
import { call } from './http.js';
import { Peer } from './peer.js';

const JSON_TYPE = { 'content-type': 'application/json' };

/** What a node may do with a post. */
export const accept = (response) => response.writeHead(204).end();
export const answer = (parameters, rest = {}) => say(200, JSON.stringify({ parameters, ...rest }));
export const say = (status, text, headers = JSON_TYPE) => (response) => response.writeHead(status, headers).end(text);
export const refuse = (status) => say(status, 'no', {});
export const redirect = (location, status = 307) => say(status, '', { location });
export const hang = () => {};
/** Answers when the test calls the function that `held` resolves with. */
export const hold = () => {
  let take;
  const held = new Promise((resolve) => (take = resolve));
  return Object.assign((response) => take((then) => then(response)), { held });
};

/** What it answers to a challenge, from the challenge. */
export const repeat = (challenge) => say(200, JSON.stringify({ challenge }));

export class UrlNode {
  /** Every post but the challenges, in order: `{path, headers, text, message}`. */
  posts = new Inbox();
  /** The connections that were made to it. */
  connections = 0;
  challenges = 0;
  /** What it does with posts for which `will` has said nothing. */
  always = accept;
  onChallenge = repeat;
  #script = [];

  static async open(t) {
    const node = new UrlNode();
    node.server = http.createServer((request, response) => node.#take(request, response));
    node.server.on('connection', () => (node.connections += 1));
    await new Promise((resolve) => node.server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      node.server.closeAllConnections();
      node.server.close();
    });
    node.url = `http://127.0.0.1:${node.server.address().port}`;
    return node;
  }

  /** Says what it does with the next posts, one each. */
  will(...behaviours) {
    this.#script.push(...behaviours);
  }

  async #take(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url: path, headers } = request;
    const text = Buffer.concat(chunks).toString();
    const message = JSON.parse(text);
    if (message.action === 'challenge' && !('queue_id' in message)) {
      this.challenges += 1;
      this.onChallenge(message.parameters.challenge)(response);
      return;
    }
    this.posts.put({ method, path, headers, text, message });
    (this.#script.shift() ?? this.always)(response);
  }

  /** The next post, which must be one of the instance's. */
  async next(what = 'a post') {
    const post = await this.posts.next(what);
    assert.deepEqual([post.method, post.path], ['POST', `${this.path ?? ''}/client/to/node`]);
    assert.equal(post.headers['content-type'], 'application/json');
    assert.ok(isFromInstance(this.secret, post.headers['nile-signature'], post.text), 'the signature');
    return post.message;
  }

  async take(count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.next(`post ${messages.length + 1} of ${count}`));
    return messages;
  }
}

/** Asks to be registered with this URL; returns the answer, whatever it is. */
export const registerAt = (server, resource) =>
  call(server, { action: 'register', parameters: { hash: HASH, information: SHOP, resource } }, { path: '/node/to/instance' });

/** A shop that is posted its orders. What it says over HTTP is said as by any node. */
export class PostedPeer extends Peer {
  static async register(t, server, { path = '' } = {}) {
    const site = await UrlNode.open(t);
    const { status, body } = await registerAt(server, site.url + path);
    assert.equal(status, 200, JSON.stringify(body));
    Object.assign(site, { path, secret: body.delivery_secret });
    return Object.assign(new this(server, 'node', 'HTTP'), body, { site });
  }

  async come() {
    this.site.always = accept;
  }

  /** Is there, and takes nothing. */
  async go() {
    this.site.always = refuse(503);
  }

  async lost() {}

  next() {
    return this.site.next(`a post to node ${this.id}`);
  }
}

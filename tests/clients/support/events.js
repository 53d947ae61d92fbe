// Server-sent events over fetch, read as the HTML standard says, and the parties over HTTP that hear by them.

import assert from 'node:assert/strict';

import { Inbox, within } from './deadline.js';
import { send } from './http.js';
import { Peer } from './peer.js';

/** Where a party of this kind hears what is sent to it. */
export const eventsOf = (kind, query = '') => `/${kind}/to/instance/events${query}`;

export const bearer = (token) => (token === undefined ? {} : { authorization: `Bearer ${token}` });

/** Reads a stream of events out of chunks of text, which may end anywhere. */
class Parser {
  #rest = '';
  #event = {};

  constructor(stream) {
    this.stream = stream;
  }

  push(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === '') return this.#dispatch();
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === '') this.stream.comments.put(value);
    else if (field === 'retry') this.stream.retries.put(Number(value));
    else if (field === 'data') this.#event.data = 'data' in this.#event ? `${this.#event.data}\n${value}` : value;
    else this.#event[field] = value;
  }

  #dispatch() {
    if ('data' in this.#event) this.stream.events.put(this.#event);
    this.#event = {};
  }
}

/** An open stream. `ended` resolves with `'ended'`, or with the error that broke it. */
export class EventStream {
  events = new Inbox();
  retries = new Inbox();
  comments = new Inbox();
  #abort = new AbortController();

  static async open(server, { kind = 'client', token, lastEventId, headers = {} } = {}) {
    const stream = new EventStream();
    server.onDispose(() => stream.close());
    const resuming = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
    const options = { headers: { ...bearer(token), ...resuming, ...headers }, signal: stream.#abort.signal };
    const response = await within(fetch(server.url + eventsOf(kind), options), 'a stream of events');
    assert.equal(response.status, 200, await (response.ok ? '' : response.text()));
    assert.equal(response.headers.get('content-type'), 'text/event-stream');
    stream.headers = response.headers;
    stream.ended = stream.#read(response.body);
    return stream;
  }

  async #read(body) {
    const parser = new Parser(this);
    try {
      for await (const text of body.pipeThrough(new TextDecoderStream())) parser.push(text);
      return 'ended';
    } catch (error) {
      return error;
    }
  }

  /** The next event, `{id, event, data}`: the id as a number and the data as the JSON that it is. */
  async next(what = 'an event') {
    const { id, event, data, ...rest } = await this.events.next(what);
    assert.deepEqual(rest, {}, 'the fields of an event');
    return { id: Number(id), event, data: JSON.parse(data) };
  }

  async take(count) {
    const events = [];
    while (events.length < count) events.push(await this.next(`event ${events.length + 1} of ${count}`));
    return events;
  }

  /** Goes away, and is gone for this end. */
  close() {
    this.#abort.abort();
    return this.ended;
  }
}

/** Asks once, and returns the page that `updateQueue` would carry. */
export const waitFor = (server, { kind = 'client', token }, query) =>
  send(server, { path: eventsOf(kind, query), headers: bearer(token) });

/** A party over HTTP that hears by a stream of events. */
export class Listener extends Peer {
  static async register(server, kind) {
    return Object.assign(new this(server, kind, 'HTTP'), await Peer.register(server, kind, 'HTTP'));
  }

  async come({ lastEventId } = {}) {
    this.stream = await EventStream.open(this.server, { ...this, lastEventId });
  }

  async go() {
    await this.stream?.close();
    this.stream = undefined;
  }

  async lost() {
    await within(this.stream.ended, 'the stream to end');
  }

  async next() {
    const { id, event, data } = await this.stream.next(`a message for ${this.kind} ${this.id}`);
    assert.equal(event, this.kind === 'client' ? 'node.to.client' : 'client.to.node');
    assert.equal(id, data.queue_id);
    return data;
  }
}

/** A party over HTTP that asks for the oldest message again and again. */
export class Waiter extends Peer {
  static register = Listener.register;

  async come() {}

  async go() {}

  async lost() {}

  async next() {
    const { status, body } = await waitFor(this.server, this, '?wait=10&limit=1');
    assert.equal(status, 200, JSON.stringify(body));
    return body.queue[0];
  }
}

// A bare WebSocket: text frames `{"event", "body"}` on `/ws`, or whatever a test wants to put into them.

import assert from 'node:assert/strict';

import WebSocket from 'ws';

import { Inbox, within } from './deadline.js';
import { SPEC, answerTo, isNews } from './socketio.js';

/** The server did not let the WebSocket open; `status` is what it answered, if it did. */
export class NotOpened extends Error {
  constructor(status, cause) {
    super(`the WebSocket was not opened: ${status ?? cause?.message}`);
    this.status = status;
  }
}

/** Whether a frame is news of the online nodes; a frame may be anything here. */
function isNewsFrame(text) {
  try {
    return isNews(JSON.parse(text).body);
  } catch {
    return false;
  }
}

export class RawConnection {
  #frames = new Inbox();

  constructor(socket, name) {
    this.socket = socket;
    this.name = name;
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#frames.put({ binary: data });
      else if (!isNewsFrame(data.toString())) this.#frames.put(data.toString());
    });
    /** Resolves with `{code, reason}` when the connection ends. */
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    // A reset connection is reported as an error first; `closed` follows and is what tests look at.
    socket.on('error', () => {});
  }

  static async open(server, { path = '/ws', name = SPEC, ...options } = {}) {
    const socket = new WebSocket(server.wsUrl + path, { perMessageDeflate: false, ...options });
    server.onDispose(() => socket.terminate());
    const connection = new RawConnection(socket, name);
    const opened = new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('unexpected-response', (request, response) => {
        request.destroy();
        reject(new NotOpened(response.statusCode));
      });
      socket.once('error', (error) => reject(new NotOpened(undefined, error)));
    });
    await within(opened, `a WebSocket to open on ${path}`);
    return connection;
  }

  /** Sends a frame as it stands. */
  send(text) {
    this.socket.send(text);
  }

  /** The next frame, as text. */
  nextFrame() {
    return this.#frames.next('a frame');
  }

  /** The next message's body, which must come under the one name that this connection asked for. */
  async next(channel = 'client.to.instance') {
    const frame = JSON.parse(await this.nextFrame());
    assert.deepEqual(Object.keys(frame).sort(), ['body', 'event'], 'the keys of a frame');
    assert.equal(frame.event, answerTo(channel, this.name));
    return frame.body;
  }

  request(body, channel = 'client.to.instance') {
    this.send(JSON.stringify({ event: channel, body }));
    return this.next(channel);
  }

  get unread() {
    return this.#frames.size;
  }

  close() {
    this.socket.close();
  }
}

/** A WebSocket on this path is not opened, or closed at once without a word. */
export async function cannotJoin(server, path) {
  const intruder = await RawConnection.open(server, { path }).catch((error) => {
    assert.ok(error instanceof NotOpened, error.message);
  });
  if (!intruder) return;
  intruder.send('2probe');
  await within(intruder.closed, 'the intruder to be closed');
  assert.equal(intruder.unread, 0, 'the intruder hears nothing');
}

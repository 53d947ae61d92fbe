// Waiting for what must happen. Nothing here sleeps for a fixed time and hopes.

/** How long anything may take on a busy machine before it counts as not happening. */
export const PATIENCE = 15_000;

/** Resolves as `promise` does, or fails, naming `what` was waited for, once `milliseconds` have passed. */
export function within(promise, what, milliseconds = PATIENCE) {
  const late = new Error(`waited ${milliseconds} ms for ${what}`);
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(late), milliseconds);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

/** Asks `condition` again and again until it is true; returns what it returned. */
export async function until(condition, what, milliseconds = PATIENCE) {
  const late = new Error(`waited ${milliseconds} ms for ${what}`);
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw late;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What has arrived and has not been looked at, in order of arrival. */
export class Inbox {
  #arrived = [];
  #waiting = [];

  put(item) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(item);
    else this.#arrived.push(item);
  }

  /** The next item, waiting for it if need be. */
  next(what) {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    return within(new Promise((resolve) => this.#waiting.push(resolve)), what);
  }

  /** How many items nobody has looked at. */
  get size() {
    return this.#arrived.length;
  }
}

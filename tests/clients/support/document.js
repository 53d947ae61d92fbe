// The code that the documents show, to be run as a reader would run it.

import { readFileSync } from 'node:fs';
import path from 'node:path';

import { REPOSITORY } from './server.js';

/** The one block of docs/protocol.md in `language` that contains `word`. */
export function snippet(language, word) {
  const text = readFileSync(path.join(REPOSITORY, 'docs', 'protocol.md'), 'utf8');
  const blocks = Array.from(text.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, tag, code]) => ({ tag, code }));
  const found = blocks.filter(({ tag, code }) => tag === language && code.includes(word));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${language} have ${word} in them`);
  return found[0].code;
}

const code = `${snippet('js', 'isFromInstance')}\nexport { isFromInstance };`;

/** The check that docs/protocol.md gives to nodes at a URL. */
export const { isFromInstance } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

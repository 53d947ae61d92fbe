// The README shows a session; it is run here and must print what the README prints.
//
// A block to run is preceded by `<!-- test: curl -->`, `<!-- test: js -->` or `<!-- test: shop -->`, its output by
// `<!-- output: … -->`, a block that is a file for the others by `<!-- file: name -->`.
// Where a block to run shows a console, the lines after `$ ` are what is run, and the others are its output.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { PATIENCE } from './support/deadline.js';
import { REPOSITORY, startServer } from './support/server.js';

const README = path.join(REPOSITORY, 'README.md');
const KINDS = ['curl', 'js', 'shop'];
const FILES = ['shop.mjs', 'shopper.mjs'];
const run = promisify(execFile);

/** The fenced blocks behind `<!-- purpose: kind -->`, joined. */
export function blocks(text, purpose, kind) {
  const marked = new RegExp(`<!-- ${purpose}: ${kind} -->\\s*\`\`\`[^\\n]*\\n([\\s\\S]*?)\`\`\``, 'g');
  const found = Array.from(text.matchAll(marked), ([, block]) => block);
  return found.length > 0 ? found.join('') : undefined;
}

/** Splits a console session into what is typed and what is printed; any other block is all typed. */
export function session(block) {
  if (!/^\$ /m.test(block)) return { typed: block, printed: '' };
  const typed = [];
  const printed = [];
  let continued = false;
  for (const line of block.split('\n')) {
    const isTyped = continued || line.startsWith('$ ');
    if (isTyped) typed.push(continued ? line.replace(/^> /, '') : line.slice(2));
    else printed.push(line);
    continued = isTyped && line.endsWith('\\');
  }
  return { typed: `${typed.join('\n')}\n`, printed: printed.join('\n') };
}

/** What two runs have in common: secrets differ, whether written out or elided. */
export function comparable(output) {
  const masked = output.replace(/\bnl([cn])_(\d+)_(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]*(?:…|\.\.\.))/g, 'nl$1_$2_…');
  const lines = masked.split('\n').map((line) => line.trimEnd());
  return lines.filter((line) => line !== '').join('\n');
}

/** A folder in which `socket.io-client` can be imported as the README does. */
function workplace(t) {
  const folder = mkdtempSync(path.join(tmpdir(), 'nile-readme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const modules = path.join(folder, 'node_modules');
  mkdirSync(modules);
  const installed = createRequire(import.meta.url).resolve('socket.io-client-4/package.json');
  symlinkSync(path.dirname(installed), path.join(modules, 'socket.io-client'));
  return folder;
}

/** The same code, talking to this server in place of the one on the default port. */
function here(code, server) {
  return code.replaceAll(/(127\.0\.0\.1|localhost):3334/g, new URL(server.url).host);
}

async function execute(t, kind, code, { text, server }) {
  const cwd = workplace(t);
  const files = FILES.map((name) => [name, blocks(text, 'file', name)]);
  for (const [name, file] of files) writeFileSync(path.join(cwd, name), here(file, server));
  const talks = kind === 'shop' ? files.map(([, file]) => file) : [code];
  for (const block of talks) assert.notEqual(here(block, server), block, 'it talks to the instance on its default port');
  const options = { cwd, timeout: PATIENCE };
  if (kind !== 'js') return (await run('bash', ['-euo', 'pipefail', '-c', here(code, server)], options)).stdout;
  writeFileSync(path.join(cwd, 'session.mjs'), here(code, server));
  return (await run(process.execPath, ['session.mjs'], options)).stdout;
}

test('the README prints what its sessions print, one after the other', async (t) => {
  const text = readFileSync(README, 'utf8');
  const server = await startServer(t);
  for (const kind of KINDS) {
    const block = blocks(text, 'test', kind);
    assert.ok(block, `README.md has no block marked <!-- test: ${kind} -->`);
    const { typed, printed } = session(block);
    const expected = printed + (blocks(text, 'output', kind) ?? '');
    assert.notEqual(expected.trim(), '', `README.md does not show what its ${kind} session prints`);
    assert.equal(comparable(await execute(t, kind, typed, { text, server })), comparable(expected), kind);
  }
});

test('the comparison sees through secrets and nothing else', () => {
  const secret = 'Ab-_'.repeat(10) + 'xyz';
  assert.equal(comparable(`{"token":"nlc_1_${secret}"}\n`), comparable('{"token":"nlc_1_…"}'));
  assert.equal(comparable(`nlc_1_${secret}`), comparable('nlc_1_Ab-…'));
  assert.notEqual(comparable(`nlc_1_${secret}`), comparable('nlc_2_…'));
  assert.notEqual(comparable('{"queue":[]}'), comparable('{"queue": []}'));
  assert.deepEqual(session('$ one \\\n  two\nout\n$ three\n'), { typed: 'one \\\n  two\nthree\n', printed: 'out\n' });
  assert.equal(blocks('<!-- test: js -->\n```js\na\n```\n<!-- test: curl -->\n```sh\nb\n```', 'test', 'curl'), 'b\n');
});

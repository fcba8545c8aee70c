import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import type {ExecutionContext} from 'ava'

const directory = join(dirname(fileURLToPath(import.meta.url)), 'expected')

/** Holds a text against the committed one; with UPDATE_GOLDEN=1 the text becomes the committed one. */
export function matchGolden(t: ExecutionContext, name: string, text: string): void {
  const path = join(directory, name)
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(dirname(path), {recursive: true})
    writeFileSync(path, text)
    t.pass()
    return
  }
  const expected = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  if (expected === text) {
    t.pass()
    return
  }
  t.fail(
    `${name}: ${expected === undefined ? 'there is no such file yet' : firstDifference(expected, text)}\n` +
      'If the new output is right: npm run golden:update, and look at the difference before you commit it.',
  )
}

function firstDifference(expected: string, actual: string): string {
  const want = expected.split('\n')
  const got = actual.split('\n')
  const at = want.findIndex((line, index) => line !== got[index])
  const line = at < 0 ? want.length : at
  return `line ${line + 1} differs\n  - ${want[line] ?? '(end)'}\n  + ${got[line] ?? '(end)'}`
}

/** A text without what depends on where it was made: directories, the versions of Node and of ourselves. */
export function withoutPlaces(text: string, places: Readonly<Record<string, string>>): string {
  let out = text
  for (const [path, name] of Object.entries(places)) out = out.replaceAll(path, name)
  return out.replace(/gotrace-core\/\S+ \S+ node-v\S+/g, 'gotrace-core/VERSION')
}

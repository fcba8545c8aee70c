import test from 'ava'
import {json} from '../../src/render/json.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import type {InfoReport} from '../../src/report/core-report.ts'

const KEYS = ['schemaVersion', 'tool', 'core', 'signal', 'process', 'go', 'memory', 'modules', 'diagnostics']

/** A document whose parts are these, in the order of its keys. */
function written(...parts: unknown[]): string {
  const report = Object.fromEntries(KEYS.map((key, index) => [key, parts[index] ?? null]))
  const looks = {style: PLAIN_STYLE, view: 'whole' as const, registers: false}
  return [...(json.renderers.info?.(report as unknown as InfoReport, looks) ?? [])].join('')
}

test('a document in parts has the text of one that is written at once', t => {
  const parts = [
    '1',
    {name: 'a\n"b"', version: undefined},
    [],
    {},
    [[1, [2, [3, {four: [5]}]]], {}],
    {deep: {deeper: {deepest: {list: [1, {a: null}], none: []}}}},
    [null, true, 'x'],
    [{path: 'p', list: [{a: 1}, {b: [2]}]}],
    [],
  ]
  const whole = Object.fromEntries(KEYS.map((key, index) => [key, parts[index] ?? null]))
  t.is(written(...parts), `${JSON.stringify(whole, null, 2)}\n`)
})

test('a list that is longer than a string can be is written all the same', t => {
  // 40 items of 16 MB: a string ends at half a gigabyte.
  const frames = 'f'.repeat(16 * 1024 * 1024)
  const report = {modules: Array.from({length: 40}, () => ({path: frames}))}
  const looks = {style: PLAIN_STYLE, view: 'whole' as const, registers: false}
  let length = 0
  for (const piece of json.renderers.info?.(report as unknown as InfoReport, looks) ?? []) length += piece.length
  t.true(length > 40 * frames.length)
})

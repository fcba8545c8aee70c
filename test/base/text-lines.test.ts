// Lines of a text that is read in pieces.
import test from 'ava'
import type {ByteSource} from '../../src/base/byte-source.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {readLines} from '../../src/base/text-lines.ts'

const LINE_MAX = 16 * 1024 * 1024

/** A line of as many bytes. */
function lineOf(size: number): ByteSource {
  const zeros = new Uint8Array(1024 * 1024)
  const read = (_: number, length: number): Uint8Array => zeros.subarray(0, length)
  return {name: 'zeros', size, read} as unknown as ByteSource
}

test('a line without end takes room for its beginning alone, however long it is', t => {
  const before = process.resourceUsage().maxRSS
  t.deepEqual(
    Array.from(readLines(lineOf(40 * LINE_MAX)), line => line.length),
    [LINE_MAX],
  )
  // KiB; of the copies that were made of it a collection of garbage leaves hundreds of megabytes.
  t.true(process.resourceUsage().maxRSS - before < 300 * 1024, `${process.resourceUsage().maxRSS - before}`)
})

const linesOf = (bytes: Uint8Array): string[] => [...readLines(new BytesSource(bytes, 'text'))]

test('lines are as in the whole text, wherever the pieces part', t => {
  const text = `first\n\n${'é'.repeat(700_000)}\nlast`
  t.deepEqual(linesOf(Buffer.from(text)), text.split('\n'))
  t.deepEqual(linesOf(Buffer.from('one\n')), ['one', ''])
  t.deepEqual(linesOf(new Uint8Array()), [''])
})

test('a line of any length takes little room', t => {
  const [long, next] = linesOf(Buffer.concat([Buffer.alloc(40 * 1024 * 1024, 'x'), Buffer.from('\nnext')]))
  t.is(long?.length, 16 * 1024 * 1024)
  t.is(next, 'next')
})

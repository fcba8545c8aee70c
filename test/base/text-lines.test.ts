// Lines of a text that is read in pieces.
import test from 'ava'
import {BytesSource} from '../../src/base/byte-source.ts'
import {readLines} from '../../src/base/text-lines.ts'

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

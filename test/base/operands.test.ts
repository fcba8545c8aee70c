import test from 'ava'
import {joinOperands, splitOperands} from '../../src/base/operands.ts'

const JOINED: readonly (readonly [typed: string, joined: string])[] = [
  ['', ''],
  ['lib', 'lib'],
  ['lib a', 'lib a'],
  ['lib a b a', 'lib a+b+a'],
  ['lib --json a b c', 'lib --json a b+c'],
  ['--timeout 30 lib a b', '--timeout 30 lib+a+b'],
  ['a b -o file c - d', 'a b -o file c+-+d'],
  ['a b -- -c --json d', 'a b -- -c --json+d'],
]

for (const [typed, joined] of JOINED) {
  test(`words without flags between them are joined, but for the first: ${typed}`, t => {
    const words = typed.split(' ').filter(word => word !== '')
    t.deepEqual(
      joinOperands(words)
        .map(word => word.replaceAll('\0', '+'))
        .join(' '),
      joined,
    )
    t.deepEqual(splitOperands(joinOperands(words)), words)
  })
}

test('an empty word stays one', t => {
  t.deepEqual(splitOperands(joinOperands(['lib', '', 'a', ''])), ['lib', '', 'a', ''])
})

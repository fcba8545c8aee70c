import test from 'ava'
import {TextTemplate} from '../../src/base/text-template.ts'

test('values stand where their marks stood, as often and in that order', t => {
  const template = new TextTemplate('a 71 b 72 c 71', ['71', '72', '73'])
  t.is(template.fill(['one', 'two', 'three']), 'a one b two c one')
  t.is(template.fill(['$1', '', '']), 'a $1 b  c $1')
})

test('a text without marks is what it is', t => {
  t.is(new TextTemplate('plain', ['71']).fill(['x']), 'plain')
})

test('marks may stand side by side and at both ends', t => {
  t.is(new TextTemplate('7172', ['71', '72']).fill(['a', 'b']), 'ab')
})

// What a goroutine panicked with, where the runtime has made a string of it meanwhile.
import test from 'ava'
import {readPanicValues} from '../../../src/analysis/signature/panic-values.ts'
import type {InterfaceValue} from '../../../src/runtime-model/interface-value.ts'
import {go} from '../../support/signature-facts.ts'

const value = (typeName: string, text: string, isString = typeName === 'string'): InterfaceValue => ({
  typeName,
  kind: undefined,
  data: 0n,
  text,
  isString,
})
const images = [
  {runtime: undefined},
  {runtime: {typeAt: (at: number) => (at === 0x666c98 ? ({name: 'main.failure'} as never) : undefined)}},
]
const panics = [
  {value: value('main.failure', '(main.failure) 0x5', false), goexit: false, repanicked: false},
  {value: value('string', 'row 4'), goexit: false, repanicked: true},
  {value: value('string', 'nothing'), goexit: true, repanicked: false},
  {value: value('string', 'first'), goexit: false, repanicked: false},
]
const read = (args: string | null, given = panics) =>
  readPanicValues(images, given, [go('main.deferred'), go('panic', {args}), go('panic', {args: '0x1, 0x2'})])

test('the argument of gopanic keeps the type of an error that was made a string, in both manners of passing it', t => {
  const expected = [
    {type: 'main.failure', text: 'row 4'},
    {type: null, text: 'first'},
  ]
  t.deepEqual(read('{0x666c98?, 0xc000012345?}'), expected)
  t.deepEqual(read('0x666c98, 0xc000012345'), expected)
})

test('where that is no type, the value is what it is', t => {
  for (const args of ['{0x123, 0x5}', '0xffffffffffffffff, 0x0', '...', null]) {
    t.deepEqual(read(args)[0], {type: 'string', text: 'row 4'})
  }
  t.deepEqual(read('{0x666c98, 0x5}', [{value: value('int', '17'), goexit: false, repanicked: false}]), [
    {type: 'int', text: '17'},
  ])
})

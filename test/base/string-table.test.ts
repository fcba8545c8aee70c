import test from 'ava'
import {StringTable} from '../../src/base/string-table.ts'

test('texts come back from a file as they were, halves of characters as what stands for them', t => {
  const texts = ['', 'main', 'größe', '世界', '\u{1f600}', 'a\ud800b', 'main.(*T).f']
  const table = new StringTable()
  const numbers = texts.map(text => table.numberOf(text))
  const {strings, text} = table.parts()
  const read = new StringTable(strings, text)
  t.deepEqual(
    numbers.map(number => read.at(number)),
    texts.map(each => each.replace('\ud800', '\ufffd')),
  )
  t.is(read.numberOf('世界'), numbers[3] as number)
})

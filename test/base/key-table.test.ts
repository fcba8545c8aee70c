// Numbers by text, of which very many take little room.
import test from 'ava'
import {KeyTable} from '../../src/base/key-table.ts'
import {heldBy} from '../support/held-memory.ts'

const KEYS = 60_000

test('each text has the number that it was added with, the first and the sixty thousandth', t => {
  const table = new KeyTable()
  const wrong: number[] = []
  for (let number = 0; number < KEYS; number++) {
    if (table.get(`key ${number}`) !== undefined) wrong.push(number)
    table.add(`key ${number}`, number)
  }
  for (let number = 0; number < KEYS; number++) if (table.get(`key ${number}`) !== number) wrong.push(number)
  t.deepEqual(wrong, [])
  t.is(table.get(`key ${KEYS}`), undefined)
})

test('a text of 100 characters takes 100 bytes at most', t => {
  const table = new KeyTable()
  const bytes = heldBy(() => {
    for (let number = 0; number < KEYS; number++) table.add(`${number}`.padStart(100, '\u{3b1}'), number)
    return table
  })
  t.true(bytes < KEYS * 100, `${bytes / KEYS}`)
})

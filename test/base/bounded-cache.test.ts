import test from 'ava'
import {BoundedCache} from '../../src/base/bounded-cache.ts'
import {Cursor} from '../../src/base/cursor.ts'
import {NAME_MAX} from '../../src/base/foreign-name.ts'
import {printable, printableLines} from '../../src/base/printable.ts'

test('a cache finds each key once, also where nothing was found, and never weighs more than its limit', t => {
  let found = 0
  const cache = new BoundedCache<number, string | undefined>(10, value => value?.length ?? 1)
  const ask = (key: number, value: string | undefined) =>
    cache.of(key, () => {
      found++
      return value
    })
  t.is(ask(1, 'four'), 'four')
  t.is(ask(1, 'other'), 'four')
  t.is(ask(2, undefined), undefined)
  t.is(ask(2, 'other'), undefined)
  t.is(found, 2)
  t.is(ask(3, 'sixsix'), 'sixsix')
  // That was too much: the others are found again.
  t.is(ask(1, 'again'), 'again')
  t.is(found, 4)
})

test('each time that it is emptied it says so', t => {
  let emptied = 0
  const cache = new BoundedCache<number, string>(
    10,
    value => value.length,
    () => emptied++,
  )
  for (let key = 0; key < 9; key++) cache.of(key, () => 'four')
  t.is(emptied, 4)
})

test('one that is heavier than the limit is given, and kept alone', t => {
  const cache = new BoundedCache<number, string>(3, value => value.length)
  t.is(
    cache.of(1, () => 'heavy'),
    'heavy',
  )
  t.is(
    cache.of(1, () => 'other'),
    'heavy',
  )
})

test('of a name of a megabyte the beginning is kept, and what follows it is read as ever', t => {
  const size = 1024 * 1024
  const bytes = new TextEncoder().encode(`${'n'.repeat(size)}\0next\0`)
  const cursor = new Cursor(bytes, 'names')
  t.is(cursor.cstring(), `${'n'.repeat(NAME_MAX)}…[cut after ${NAME_MAX} bytes]`)
  t.is(cursor.cstring(), 'next')
})

test('in text a long name says how much of it is not shown', t => {
  t.is(printable('n'.repeat(16_384)), 'n'.repeat(16_384))
  t.is(printable('n'.repeat(1_000_000)), `${'n'.repeat(16_384)}…[983616 characters more]`)
  t.is(printable('\x1b'.repeat(1_000_000)), `${'\\x1b'.repeat(16_384)}…[983616 characters more]`)
  t.is(printableLines('line\n'.repeat(100_000)).split('\n').length, 52_429)
})

test('what is not kept is not there for who only asks, and is found by its key', t => {
  const cache = new BoundedCache<number, number | undefined>(2)
  t.is(cache.get(3), undefined)
  t.is(
    cache.of(3, key => key * 2),
    6,
  )
  t.is(cache.get(3), 6)
})

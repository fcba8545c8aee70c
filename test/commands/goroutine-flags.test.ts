import test from 'ava'
import {InputError} from '../../src/base/errors.ts'
import {parseDuration, parsePattern} from '../../src/commands/goroutine-flags.ts'

test('a bare number is minutes, as the runtime prints waits; units add up', t => {
  t.is(parseDuration('5', '--min-wait'), 300_000_000_000n)
  t.is(parseDuration('90s', '--min-wait'), 90_000_000_000n)
  t.is(parseDuration('1h30m', '--min-wait'), 5_400_000_000_000n)
})

test('what is no duration or no pattern is wrong usage, with a hint', t => {
  for (const text of ['', 'soon', '5x', '-5', '1h foo', '5m3']) {
    t.is(t.throws(() => parseDuration(text, '--min-wait'), {instanceOf: InputError})?.code, 'bad-argument')
  }
  t.is(t.throws(() => parsePattern('(', '--state'), {instanceOf: InputError})?.code, 'bad-argument')
  t.true(parsePattern('^chan', '--state').test('chan receive'))
})

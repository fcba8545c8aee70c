import test from 'ava'
import {type ArgumentList, formatPrintf} from '../../src/emulate/printf.ts'
import {DATA, emulate} from '../support/emulated-code.ts'

function listOf(values: readonly (bigint | number)[]): ArgumentList {
  const left = [...values]
  return {word: () => BigInt.asUintN(64, BigInt(left.shift() ?? 0)), double: () => Number(left.shift())}
}

const data = new Uint8Array(4096)
data.set(new TextEncoder().encode('hello\0'), 16)
const {memory} = emulate([], {data})

// As printf(1) of coreutils and bash print them.
for (const [format, values, want] of [
  ['%d %i %u', [-5n, 7n, 0xffffffffn], '-5 7 4294967295'],
  ['%ld %lu %lld', [-1n, -1n, -(2n ** 63n)], '-1 18446744073709551615 -9223372036854775808'],
  ['%hhd %hd', [0x1ffn, 0x18000n], '-1 -32768'],
  ['%x %X %#x %#o %o', [255n, 255n, 255n, 8n, 8n], 'ff FF 0xff 010 10'],
  ['%5d|%-5d|%05d|%+d|% d', [42n, 42n, -42n, 42n, 42n], '   42|42   |-0042|+42| 42'],
  ['%.3d|%6.3d|%.0d|', [5n, 5n, 0n], '005|   005||'],
  ['%08x|%#08x', [0xbeefn, 0xbeefn], '0000beef|0x00beef'],
  ['%*d|%-*d|%.*d', [4n, 7n, 3n, 7n, 3n, 7n], '   7|7  |007'],
  ['%c%c', [104n, 105n], 'hi'],
  ['%s|%8s|%-8s|%.2s', Array(4).fill(BigInt(DATA + 16)), 'hello|   hello|hello   |he'],
  ['%s %p %p', [0n, 0n, 0x1234n], '(null) (nil) 0x1234'],
  ['100%%', [], '100%'],
  ['%f %.2f %.0f %8.3f', [1.5, 2.345, 2.5, -3.125], '1.500000 2.35 2   -3.125'],
  ['%e %.2E', [12345.678, 0.00012], '1.234568e+04 1.20E-04'],
  ['%g %g %g %g', [0.0001, 1e10, 100000, 1234567], '0.0001 1e+10 100000 1.23457e+06'],
  ['%f %F %5.1f', [Infinity, NaN, -0], 'inf NAN  -0.0'],
  ['%zu %jd %td', [5n, -5n, 6n], '5 -5 6'],
] as const) {
  test(`${format} → ${want}`, t => t.is(formatPrintf(memory, format, listOf(values as (bigint | number)[])), want))
}

test('what is not known is said, not guessed', t => {
  t.throws(() => formatPrintf(memory, '%Lf', listOf([1])), {instanceOf: RangeError})
  t.throws(() => formatPrintf(memory, '%y', listOf([1n])), {instanceOf: RangeError})
})

test('widths of a hostile format are bounded', t => {
  t.true(formatPrintf(memory, '%2000000000d%1000000000.1000000000d', listOf([1n, 1n])).length <= 65536)
})

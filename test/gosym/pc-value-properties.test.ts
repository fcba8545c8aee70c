// Tables of pc and value, for any function: against the runs that they were made of.
import {deepEqual, equal} from 'node:assert/strict'
import test from 'ava'
import type {Random} from '../../lab/fuzz/random.ts'
import type {Address} from '../../src/base/address.ts'
import {decodePcValueTable, NO_VALUE, readPcValueTable} from '../../src/gosym/pc-value.ts'
import {forAll, listOf} from '../support/for-all.ts'
import {encodePcValues, memoryOf} from '../support/pclntab-builder.ts'

const START = 0x1000

/** Values as pcsp and pcln have them; two that follow each other differ, as in every table that a linker writes. */
function anyRuns(random: Random): [value: number, length: number][] {
  let before = -1
  return listOf(random, 40, () => {
    let value = random.pick([-1, 0, 8, random.below(200), random.below(2 ** 28)])
    if (value === before) value++
    before = value
    return [value, 1 + random.below(random.once(5) ? 400 : 20)]
  })
}

function valuesOf(runs: readonly (readonly [value: number, length: number])[]): number[] {
  return runs.flatMap(([value, length]) => new Array<number>(length).fill(value))
}

test('every pc has the value of its run, and none behind the last', t => {
  forAll(t, 200, random => {
    const runs = anyRuns(random)
    // The runtime takes a zero delta for the end, but in the first pair.
    if (runs[0]?.[0] === -1 && random.once(2)) runs.shift()
    const values = valuesOf(runs)
    const bytes = Uint8Array.from(encodePcValues(runs))
    const {table} = decodePcValueTable(bytes, values.length)
    for (const [pc, value] of values.entries()) equal(table.valueAt(pc), value, `pc ${pc}`)
    equal(table.valueAt(values.length), NO_VALUE)
    equal(table.valueAt(-1), NO_VALUE)
  })
})

test('a table reads the same from memory, wherever it lies in it', t => {
  forAll(t, 200, random => {
    const runs = anyRuns(random)
    const values = valuesOf(runs)
    const bytes = Uint8Array.from([...new Array(random.below(70)).fill(0xff), ...encodePcValues(runs)])
    const at = bytes.length - encodePcValues(runs).length
    const memory = memoryOf(bytes, START)
    const end = (START + bytes.length) as Address
    const table = readPcValueTable(memory, (START + at) as Address, end, values.length)
    deepEqual(
      values.map((_, pc) => table.valueAt(pc)),
      values,
    )
  })
})

test('a table that is cut says of each pc what the whole one says, or nothing', t => {
  forAll(t, 200, random => {
    const runs = anyRuns(random)
    const values = valuesOf(runs)
    const bytes = Uint8Array.from(encodePcValues(runs))
    const {table} = decodePcValueTable(bytes.subarray(0, random.below(bytes.length + 1)), values.length)
    let isLost = false
    for (const [pc, value] of values.entries()) {
      const found = table.valueAt(pc)
      isLost ||= found !== value
      if (isLost) equal(found, NO_VALUE, `pc ${pc}`)
    }
  })
})

test('any bytes are a table of no more ranges than its function has bytes', t => {
  forAll(t, 2000, random => {
    const bytes = Uint8Array.from({length: random.below(200)}, () => random.pick([0, 1, 0x80, 0xff, random.below(256)]))
    const codeSize = random.below(100)
    const {table} = decodePcValueTable(bytes, codeSize)
    equal(table.ends.length <= codeSize, true)
    equal(
      table.ends.every((end, index) => index === 0 || end > (table.ends[index - 1] as number)),
      true,
    )
  })
})

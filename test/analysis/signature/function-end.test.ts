import test from 'ava'
import {functionEnd} from '../../../src/analysis/signature/code-facts.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'

/** What call frame information tells of places: the entry that starts last at or below, where it reaches so far. */
function entries(...ranges: readonly (readonly [start: number, end: number])[]) {
  const asked: number[] = []
  const extentOf = (pc: Address) => {
    asked.push(pc)
    const [start, end] = ranges.filter(range => range[0] <= pc).at(-1) ?? [0, 0]
    return pc < end ? {functionStart: toAddress(start), functionEnd: toAddress(end)} : undefined
  }
  return {asked, extentOf}
}

test('the end of a function is where its entry ends, and no place behind it is asked for', t => {
  const {asked, extentOf} = entries([0x100, 0x140], [0x180, 0x200])
  t.is(functionEnd(toAddress(0x100), 0x1100, extentOf), 0x140)
  t.deepEqual(
    asked.filter(pc => pc >= 0x140),
    [],
  )
  t.is(functionEnd(toAddress(0x180), 0x1180, extentOf), 0x200)
})

test('a function that goes on where no more is wanted ends there', t => {
  const {extentOf} = entries([0x100, 0x4000])
  t.is(functionEnd(toAddress(0x100), 0x1100, extentOf), 0x1100)
})

test('a function ends where another one begins in it', t => {
  const {extentOf} = entries([0x100, 0x200], [0x150, 0x160])
  t.is(functionEnd(toAddress(0x100), 0x1100, extentOf), 0x150)
})

test('no function starts in the middle of another one, nor where nothing is told', t => {
  const {extentOf} = entries([0x100, 0x200])
  t.is(functionEnd(toAddress(0x101), 0x1101, extentOf), undefined)
  t.is(functionEnd(toAddress(0x200), 0x1200, extentOf), undefined)
})

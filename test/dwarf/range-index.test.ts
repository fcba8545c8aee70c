// Ranges against a list that is asked one address after the other.
import {equal} from 'node:assert/strict'
import test from 'ava'
import {lastAtOrBelow} from '../../src/base/sorted-ranges.ts'
import {RangeIndexBuilder} from '../../src/dwarf/range-index.ts'
import {forAll, listOf} from '../support/for-all.ts'

interface Span {
  start: number
  end: number
  value: number
}

const LIMIT = 60

function holds({start, end}: Span, at: number): boolean {
  return at >= start && at < end
}

test('where ranges overlap, the one that was added last wins, or the one added first', t => {
  forAll(t, 1500, random => {
    const spans = listOf(random, 14, (): Span => {
      const start = random.below(LIMIT)
      // Empty ones too, and those that end before they begin.
      return {start, end: start + random.below(LIMIT / 2) - 2, value: random.below(5)}
    })
    const [last, first] = [new RangeIndexBuilder(), new RangeIndexBuilder()]
    for (const {start, end, value} of spans) {
      last.add(start, end, value)
      first.add(start, end, value)
    }
    const [lastWins, firstWins] = [last.build(), first.buildFirstWins()]
    for (let at = 0; at < 2 * LIMIT; at++) {
      equal(lastWins.find(at), spans.findLast(span => holds(span, at))?.value ?? -1, `last at ${at}`)
      equal(firstWins.find(at), spans.find(span => holds(span, at))?.value ?? -1, `first at ${at}`)
    }
  })
})

test('the ranges of an index are disjoint, ascend, and neighbours differ', t => {
  forAll(t, 500, random => {
    const builder = new RangeIndexBuilder()
    for (let count = random.below(30); count > 0; count--) {
      const start = random.below(LIMIT)
      builder.add(start, start + random.below(20), random.below(3))
    }
    let before: Span = {start: -1, end: -1, value: -1}
    builder.build().forEach((start, end, value) => {
      equal(start >= before.end && end > start, true)
      equal(start === before.end && value === before.value, false)
      before = {start, end, value}
    })
  })
})

test('the last element at or below a value is found in any ascending column', t => {
  forAll(t, 1500, random => {
    const column = Float64Array.from(listOf(random, 20, () => random.below(30))).sort()
    const length = random.below(column.length + 1)
    for (let value = -1; value <= 31; value++) {
      equal(
        lastAtOrBelow(column, value, length),
        column.subarray(0, length).findLastIndex(each => each <= value),
      )
    }
  })
})

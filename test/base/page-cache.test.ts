// Pages of a file: which are read, in how many goes, and that they are the file's.
import test from 'ava'
import {PageCache} from '../../src/base/page-cache.ts'

const PAGE = 16_384

/** Each byte is the number of its page. */
function fill(page: Uint8Array, offset: number): void {
  page.fill(offset / PAGE)
}

/** A file of so many pages, and a list of what is read of it: the first page and how many. `ahead`: how many come. */
function makeFile(pages: number, ahead = Number.POSITIVE_INFINITY) {
  const reads: [first: number, count: number][] = []
  const cache = new PageCache({
    size: pages * PAGE,
    fill: (page, offset) => {
      reads.push([offset / PAGE, 1])
      fill(page, offset)
    },
    fillAhead: (into, offset) => {
      const count = Math.min(into.length, ahead)
      reads.push([offset / PAGE, count])
      for (const [index, page] of into.slice(0, count).entries()) fill(page, offset + index * PAGE)
      return count
    },
  })
  const read = (number: number) => cache.read(number * PAGE + 8, 1)[0]
  return {reads, read}
}

test('who reads pages in order gets those that follow in one go', t => {
  const {reads, read} = makeFile(40)
  for (let number = 0; number < 40; number++) t.is(read(number), number)
  t.deepEqual(reads, [
    [0, 1],
    [1, 1],
    [2, 16],
    [18, 16],
    [34, 6],
  ])
})

test('so does who comes to each pair of pages from its end', t => {
  const {reads, read} = makeFile(200)
  for (let number = 0; number < 36; number += 2) {
    t.is(read(number + 1), number + 1)
    t.is(read(number), number)
  }
  t.deepEqual(reads, [
    [1, 1],
    [0, 1],
    [2, 17],
    [19, 16],
    [35, 16],
  ])
})

test('reads here and there fetch nothing else', t => {
  const {reads, read} = makeFile(200)
  for (const number of [7, 90, 8, 3, 150, 91, 5]) t.is(read(number), number)
  t.deepEqual(
    reads,
    [7, 90, 8, 3, 150, 91, 5].map(number => [number, 1]),
  )
})

test('a page that did not come with others is read for itself', t => {
  const {reads, read} = makeFile(40, 0)
  for (let number = 0; number < 4; number++) t.is(read(number), number)
  t.deepEqual(
    reads.filter(([, count]) => count > 0),
    [0, 1, 2, 3].map(number => [number, 1]),
  )
})

test('a page that is kept is not read again by a run', t => {
  const {reads, read} = makeFile(40)
  for (const number of [5, 0, 1, 2, 3, 4, 5, 6]) t.is(read(number), number)
  t.deepEqual(reads, [
    [5, 1],
    [0, 1],
    [1, 1],
    [2, 3],
    [6, 16],
  ])
})

test('pages that lie as far apart as the stacks of threads do not take the place of each other', t => {
  const distance = (8 * 1024 * 1024) / PAGE
  const {reads, read} = makeFile(100 * distance)
  for (let round = 0; round < 2; round++) {
    for (let thread = 0; thread < 100; thread++) read(thread * distance)
  }
  t.is(reads.length, 100)
})

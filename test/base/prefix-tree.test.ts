// Lists of numbers that share what they begin with.
import test from 'ava'
import {EMPTY_LIST, Numbering, PrefixTree} from '../../src/base/prefix-tree.ts'

const listOf = (tree: PrefixTree, numbers: readonly number[]): number =>
  numbers.reduce((list, number) => tree.append(list, number), EMPTY_LIST)

test('a list is found again, and read backwards; longer ones come behind those that they begin with', t => {
  const tree = new PrefixTree()
  const lists = Array.from({length: 20_000}, (_, index) => [index % 7, index % 11, 0xffffffff - index, index])
  const numbers = lists.map(list => listOf(tree, list))
  t.is(new Set(numbers).size, lists.length)
  for (const [index, list] of lists.entries()) {
    const number = numbers[index] as number
    t.is(listOf(tree, list), number)
    t.deepEqual([...tree.backwards(number)], list.toReversed())
    t.true(tree.parentOf(number) < number)
  }
  t.is(tree.size, 1 + 7 + 77 + 20_000 + 20_000)
})

test('what is only asked for is not made', t => {
  const tree = new PrefixTree()
  t.is(tree.find(EMPTY_LIST, 5), undefined)
  t.is(tree.size, 1)
  t.is(tree.find(EMPTY_LIST, tree.append(EMPTY_LIST, 5)), undefined)
  t.is(tree.find(EMPTY_LIST, 5), tree.append(EMPTY_LIST, 5))
})

test('the first of what has one key is kept', t => {
  const numbering = new Numbering<string>()
  t.deepEqual(
    ['a', 'b', 'a'].map((key, index) => numbering.numberOf(key, () => `${key}${index}`)),
    [0, 1, 0],
  )
  t.deepEqual(numbering.values, ['a0', 'b1'])
})

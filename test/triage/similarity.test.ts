import test from 'ava'
import {findSimilar, findSimilarTo, similarity} from '../../src/triage/similarity.ts'

const STACK = ['boom', 'f', 'main.work', 'main.main']

test('a stack is like itself, and like none without a frame in common', t => {
  t.is(similarity(STACK, STACK), 1)
  t.is(similarity(STACK, ['a', 'b']), 0)
  t.is(similarity(STACK, []), 0)
})

test('frames near the top weigh more, and those that stand elsewhere less', t => {
  const other = (at: number) => STACK.map((name, index) => (index === at ? 'x' : name))
  t.true(similarity(STACK, other(0)) < similarity(STACK, other(3)))
  t.true(similarity(STACK, ['inner', ...STACK]) < 1)
  t.true(similarity(STACK, ['inner', ...STACK]) > similarity(STACK, ['inner', 'more', ...STACK]))
  t.is(similarity(STACK, ['inner', ...STACK]), similarity(['inner', ...STACK], STACK))
})

test('signatures name those that are like them, the most alike first', t => {
  const found = findSimilar([
    {exact: 'a', frames: STACK},
    {exact: 'b', frames: ['strlen', ...STACK]},
    {exact: 'c', frames: STACK},
    {exact: 'd', frames: ['other.Do', 'main.main']},
    {exact: 'e', frames: []},
  ])
  t.deepEqual(
    found.get('a')?.map(({exact}) => exact),
    ['c', 'b'],
  )
  t.is(found.get('a')?.[0]?.similarity, 1)
  t.deepEqual([found.get('d'), found.get('e')], [undefined, undefined])
})

test('a frame without a name may be any of C, so that a build without symbols is like the one with them', t => {
  const go = ['main.(*server).dispatch', 'main.main']
  const names = ['store_value', 'ns::update', 'process', 'walk', 'next', 'entry']
  const places = names.map((_, at) => `cfault@9287094d+0x${at}`)
  const named = {exact: 'named', frames: [...names, ...go]}
  const stripped = {exact: 'stripped', frames: [...places.slice(0, 5), 'entry', ...go]}
  for (const both of [
    [named, stripped],
    [stripped, named],
  ]) {
    t.deepEqual(findSimilar(both).get('named'), [{exact: 'stripped', similarity: 1}])
  }
  t.true(similarity(named.frames, ['main.f', ...places.slice(1), ...go]) < 1, 'of Go none is without a name')
  t.is(similarity(['main.f'], ['app@01234567+0x1']), 0)
})

test('of thousands of signatures the first are compared', t => {
  const many = Array.from({length: 3000}, (_, at) => ({exact: String(at), frames: [`f${at % 500}`, `g${at}`, 'main']}))
  const alike = findSimilar([...many.slice(0, 2000), ...many])
  t.is(findSimilar(many).get('2999'), undefined)
  for (const list of alike.values()) t.true(list.length <= 5)
})

test('one signature alone has the same answer as among all', t => {
  const name = (seed: number) =>
    seed % 7 === 0 ? `code~0123456${seed % 10}` : `${seed % 3 ? 'main.' : ''}f${seed % 11}`
  const all = Array.from({length: 40}, (_, at) => ({
    exact: String(at),
    frames: Array.from({length: at % 9}, (__, depth) => name(at * 31 + depth * (1 + (at % 5)))),
  }))
  for (const one of all) {
    const others = all.filter(each => each !== one)
    t.deepEqual(findSimilarTo(one, others), findSimilar([one, ...others]).get(one.exact) ?? [])
  }
})

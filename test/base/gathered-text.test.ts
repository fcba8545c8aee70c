import test from 'ava'
import {gatheredText} from '../../src/base/gathered-text.ts'

const FULL = 'x'.repeat(64 * 1024)

async function gather(pieces: AsyncIterable<string>): Promise<string[]> {
  const gathered: string[] = []
  for await (const piece of gatheredText(pieces)) gathered.push(piece)
  return gathered
}

async function* sent(...pieces: string[]): AsyncGenerator<string> {
  yield* pieces
}

test('pieces that fill the pipe are gathered with what follows, and all others stand alone', async t => {
  t.deepEqual(await gather(sent()), [])
  t.deepEqual(await gather(sent('a', 'b')), ['a', 'b'])
  t.deepEqual(await gather(sent('a', FULL, FULL, 'b', 'c')), ['a', `${FULL}${FULL}b`, 'c'])
  t.deepEqual(await gather(sent(FULL)), [FULL])
})

test('gathered pieces are bounded', async t => {
  const pieces = await gather(sent(...new Array(200).fill(FULL)))
  t.deepEqual(
    pieces.map(({length}) => length / FULL.length),
    [64, 64, 64, 8],
  )
})

test('what does not follow is not waited for', async t => {
  let goOn = (): void => undefined
  async function* slow(): AsyncGenerator<string> {
    yield FULL
    await new Promise<void>(resolve => {
      goOn = resolve
    })
    yield 'b'
  }
  const pieces = gatheredText(slow())
  t.deepEqual(await pieces.next(), {done: false, value: FULL})
  goOn()
  t.deepEqual(await pieces.next(), {done: false, value: 'b'})
  t.deepEqual(await pieces.next(), {done: true, value: undefined})
})

test('an error comes behind what was sent before it', async t => {
  async function* broken(): AsyncGenerator<string> {
    yield FULL
    yield 'a'
    throw new Error('gone')
  }
  const pieces = gatheredText(broken())
  t.is((await pieces.next()).value, `${FULL}a`)
  await t.throwsAsync(pieces.next(), {message: 'gone'})
})

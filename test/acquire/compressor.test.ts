// What packs a stream through zstd ends with the error of whoever takes the bytes, however much is on its way.
import {randomBytes} from 'node:crypto'
import test from 'ava'
import {compress} from '../../src/acquire/compressor.ts'

function* chunks(count: number): Generator<Uint8Array> {
  const bytes = randomBytes(65_536)
  for (let index = 0; index < count; index++) yield bytes
}

for (const count of [1, 20, 200]) {
  test(`an error while ${count} pieces are written is the error`, async t => {
    const full = () => {
      throw new Error('no room')
    }
    await t.throwsAsync(compress(chunks(count), full), {message: 'no room'})
  })
}

test('an error of what is packed is the error', async t => {
  const broken = (function* (): Generator<Uint8Array> {
    yield* chunks(3)
    throw new Error('cannot be read')
  })()
  await t.throwsAsync(
    compress(broken, () => undefined),
    {message: 'cannot be read'},
  )
})

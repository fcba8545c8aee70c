import {execFileSync} from 'node:child_process'
import test from 'ava'
import {openZstdStream} from '../../src/acquire/zstd-decoder.ts'

// Alone in its file: what one test loads, another finds loaded.
const isFetchLoaded = (): boolean =>
  (process as unknown as {moduleLoadList: string[]}).moduleLoadList.some(name => /deps\/undici/.test(name))

test('the decoder comes up without fetch, which stays as it is', async t => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'fetch')
  t.false(isFetchLoaded())
  const packed = execFileSync('zstd', ['-q', '-c'], {input: 'a core\n'.repeat(100)})
  const unpack = await openZstdStream()
  t.is(Buffer.concat([...unpack([packed], 'core.zst')]).toString(), 'a core\n'.repeat(100))
  t.false(isFetchLoaded())
  t.deepEqual(Object.getOwnPropertyDescriptor(globalThis, 'fetch'), before)
})

import {createHash} from 'node:crypto'
import test from 'ava'
import {sha256} from '../../src/base/sha256.ts'

test('it is the one of node:crypto: of texts, and of bytes around every border of a block and of the short ones', t => {
  const lengths = [...Array(200).keys(), 4095, 4096, 4097, 9000]
  for (const length of lengths) {
    const bytes = Uint8Array.from({length}, (_, index) => (index * 167 + length) % 256)
    t.is(sha256(bytes), createHash('sha256').update(bytes).digest('hex'), `${length} bytes`)
  }
  const text = 'signal\nSIGSEGV\nmain.(*server).größe → 世界'
  t.is(sha256(text), createHash('sha256').update(text).digest('hex'))
})

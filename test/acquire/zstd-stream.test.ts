import {execFileSync} from 'node:child_process'
import test from 'ava'
import {openZstdStream} from '../../src/acquire/zstd-decoder.ts'

const pack = (input: Uint8Array, ...flags: string[]): Uint8Array =>
  execFileSync('zstd', ['-q', '-c', ...flags], {input, maxBuffer: 1 << 26})

let noise = 1
/** As a core is: zeros, then what repeats, then what does not; longer than a block of zstd, 128 KiB. */
const CONTENT = Uint8Array.from({length: 1_000_001}, (_, at) => {
  noise = (Math.imul(noise, 1_664_525) + 1_013_904_223) >>> 0
  if (at < 400_000) return 0
  return at < 700_000 ? at % 251 : noise >>> 24
})

/** What comes out, each piece copied before the next is asked for. */
async function unpack(packed: Uint8Array, chunkLength: number): Promise<Buffer> {
  const stream = await openZstdStream()
  const chunks: Uint8Array[] = []
  for (let at = 0; at < packed.length; at += chunkLength) chunks.push(packed.subarray(at, at + chunkLength))
  const pieces: Buffer[] = []
  for (const piece of stream(chunks, 'core.zst')) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

test('what was packed comes out, in whatever pieces it goes in', async t => {
  for (const flags of [['-1'], ['-19', '--no-check'], ['--long=24']]) {
    const packed = pack(CONTENT, ...flags)
    for (const length of [1000, 65_536, packed.length]) {
      t.true((await unpack(packed, length)).equals(CONTENT), `${flags} in chunks of ${length}`)
    }
  }
})

test('frames behind each other are one content, and so is nothing', async t => {
  const packed = Buffer.concat([pack(CONTENT), pack(new Uint8Array(0)), pack(CONTENT.subarray(5))])
  t.true((await unpack(packed, 4096)).equals(Buffer.concat([CONTENT, CONTENT.subarray(5)])))
  t.is((await unpack(new Uint8Array(0), 1)).length, 0)
})

test('where the input is corrupt or ends early, what came before is handed out, and then that is said', async t => {
  const packed = pack(CONTENT, '-1')
  const stream = await openZstdStream()
  const broken = Uint8Array.from(packed)
  broken.fill(0xff, packed.length - 20_000, packed.length - 10_000)
  for (const [bytes, message] of [
    [broken, /core\.zst:zstd.*corrupt/],
    [packed.subarray(0, -20_000), /core\.zst:zstd.*ends early/],
    [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), /core\.zst:zstd.*corrupt/],
  ] as const) {
    const pieces: Buffer[] = []
    t.throws(
      () => {
        for (const piece of stream([bytes], 'core.zst')) pieces.push(Buffer.from(piece))
      },
      {code: 'format', message},
    )
    const made = Buffer.concat(pieces)
    t.true(made.equals(CONTENT.subarray(0, made.length)))
    t.is(made.length > 400_000, bytes.length > 8)
  }
})

test('two streams run beside each other', async t => {
  const stream = await openZstdStream()
  const other = stream([pack(CONTENT.subarray(1))], 'other')
  const pieces: Buffer[] = []
  for (const piece of stream([pack(CONTENT)], 'one')) {
    pieces.push(Buffer.from(piece))
    other.next()
  }
  t.true(Buffer.concat(pieces).equals(CONTENT))
})

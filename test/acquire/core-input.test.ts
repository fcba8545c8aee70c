import {mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import test from 'ava'
import {openInput} from '../../src/acquire/core-input.ts'
import {unpackLz4} from '../../src/acquire/lz4-frame.ts'
import {SparseSink} from '../../src/acquire/sparse-sink.ts'
import type {UnpackLimits} from '../../src/acquire/unpack-limits.ts'
import {unpackXzBytes} from '../../src/acquire/xz-stream.ts'
import {ZstdSections} from '../../src/acquire/zstd-decoder.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {readCoreHeader} from '../../src/elf/core-file.ts'

/** 200,000 bytes: zeros with two short patterns; the frames below hold it, made by zstd -19, lz4 -9 -BD -B4, xz -9. */
const CONTENT = new Uint8Array(200000).map((_, i) => (i < 3000 ? i % 7 : i >= 150000 && i < 153000 ? (i * i) % 11 : 0))
const ZSTD = 'KLUv/aRADQMApAAAQAABAgMEBQYAAgBE9G4uXCe/GAHVAABYBQMDBQkEAQABBAkDAJU3Vweqc/G9PdlBEBLdmxY='
const LZ4 =
  'BCJNGERAXhYBAAB/AAECAwQFBgcA//////////////+pHwABAP//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////JFAAAAAAAAoBAAAPBAD/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////6FAAAAAAABwBAAAPBAD//////////////////////////////////////////////////////////////////////////////////////////////////ye/BQMDBQkEAQABBAkLAP//////////////pQ8BAP//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////6lAAAAAAABcAAAAPBAD/////////////////NVAAAAAAAAAAAADONT8p'
const XZ =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4w0/AH5dAAAAUlAKhPmyFITA1B+Ny/rZcRUxcUjOyVDXC5Do0r5oK7V1aBB746T6xY9q3Nn2r33ctVQi22KRgHKuAMeybiaUbYJ32QSC2lHPemKLWWlacSFR8GNeRDULuCQoOzMgpe+fYHwcQHgTGM9Ys8KsEQNp0ktpyn2qgIh0drosAAAAAMkYufW9V95sAAGaAcCaDABkVLRoscRn+wIAAAAABFla'

function decode(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, 'base64'))
}

const FRAMES = {gzip: gzipSync(CONTENT), zstd: decode(ZSTD), lz4: decode(LZ4), xz: decode(XZ)} as const

const directory = mkdtempSync(join(tmpdir(), 'core-input-test-'))
test.after.always(() => rmSync(directory, {recursive: true}))

function file(name: string, bytes: Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

async function contentOf(path: string, diagnostics = new Diagnostics()): Promise<Uint8Array> {
  const {source} = await openInput(path, {diagnostics})
  const bytes = source.read(0, source.size).slice()
  source.close()
  return bytes
}

for (const [name, bytes] of Object.entries(FRAMES)) {
  test(`${name} is known by its first bytes, not by the file's name, and comes out unpacked`, async t => {
    const path = file(`${name}-core.12`, bytes)
    const {source, compression} = await openInput(path, {diagnostics: new Diagnostics()})
    t.is(compression as string, name)
    t.is(source.size, CONTENT.length)
    t.deepEqual(source.read(65000, 90000), CONTENT.subarray(65000, 155000))
    source.close()
  })

  test(`${name} that is cut short gives what came before, and says so`, async t => {
    const diagnostics = new Diagnostics()
    const cut = name === 'gzip' ? gzipSync(CONTENT.map(byte => byte * 37 + 1)) : bytes
    const path = file(`${name}-cut`, cut.subarray(0, cut.length - 9))
    try {
      const part = await contentOf(path, diagnostics)
      t.true(part.length <= CONTENT.length)
      t.is(diagnostics.list()[0]?.code, 'unpacking-failed')
    } catch (error) {
      t.true(error instanceof InputError)
    }
  })

  test(`${name} with a changed byte is an error or other content, in bounded time`, async t => {
    for (let at = 6; at < bytes.length; at += Math.ceil(bytes.length / 25)) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] as number) ^ 0x55
      try {
        const content = await contentOf(file(`${name}-changed`, changed))
        t.true(content.length < 8_000_000)
      } catch (error) {
        t.true(error instanceof InputError, String(error))
      }
    }
  })
}

test('a file that is not packed is read as it is', async t => {
  t.deepEqual(await contentOf(file('plain', CONTENT)), CONTENT)
})

test('an empty file, a directory, a missing file and bzip2 are told apart', async t => {
  const cases: [string, string, RegExp][] = [
    [file('empty', new Uint8Array()), 'not-a-core', /empty/],
    [directory, 'unreadable', /not a regular file/],
    [join(directory, 'missing'), 'not-found', /no such file/],
    [file('bz2', Uint8Array.of(0x42, 0x5a, 0x68, 0x39, 0x31)), 'unreadable', /bzip2/],
  ]
  for (const [path, code, message] of cases) {
    const error = await t.throwsAsync(openInput(path, {diagnostics: new Diagnostics()}), {instanceOf: InputError})
    t.is(error?.code as string, code)
    t.regex(error?.message ?? '', message)
    t.not(error?.hint, '')
  }
})

const MIB = 1024 * 1024
const limits: UnpackLimits = {diskMax: 1024 * MIB, ratioMax: 50, ratioCountedFrom: 64 * MIB}
const diagnostics = new Diagnostics()

/** Many small members: nothing but what unpacks tells how much there is. */
function repeated(name: string, member: Uint8Array, count: number): string {
  return file(name, Buffer.concat(new Array<Uint8Array>(count).fill(member)))
}

test('what is packed and does not begin as it should is not unpacked any further', async t => {
  const seen: number[] = []
  const path = repeated('zeros.gz', gzipSync(new Uint8Array(MIB)), 4096)
  await t.throwsAsync(
    openInput(path, {diagnostics, checkHead: readCoreHeader, progress: (_, done) => seen.push(done)}),
    {
      instanceOf: InputError,
      message: /zeros\.gz: not a core/,
    },
  )
  t.deepEqual(seen, [])
})

for (const [name, member] of Object.entries({...FRAMES, gzip: gzipSync(new Uint8Array(MIB))})) {
  test(`${name} that unpacks to far more than was read of it is refused past some size`, async t => {
    const path = repeated(`bomb.${name}`, member, name === 'gzip' ? 200 : 2000)
    const error = await t.throwsAsync(openInput(path, {diagnostics, limits}), {instanceOf: InputError})
    t.is(error?.code, 'too-large')
    t.regex(error?.message ?? '', /over 50 times as much \(--unpack-ratio\)$/)
    t.regex(error?.hint ?? '', /--unpack-ratio N/)
  })
}

test('zeros take no room; what does may take no more than is allowed', async t => {
  const few = {...limits, ratioMax: 1_000_000, diskMax: 8 * MIB}
  const zeros = await openInput(repeated('z.gz', gzipSync(new Uint8Array(MIB)), 100), {diagnostics, limits: few})
  t.is(zeros.source.size, 100 * MIB)
  zeros.source.close()
  const ones = repeated('ones.gz', gzipSync(new Uint8Array(MIB).fill(1)), 100)
  const error = await t.throwsAsync(openInput(ones, {diagnostics, limits: few}), {instanceOf: InputError})
  t.is(error?.code, 'too-large')
  t.regex(error?.message ?? '', /\(--unpack-disk\)$/)
})

test('progress counts the packed bytes that were read', async t => {
  const seen: [number, number | undefined][] = []
  const path = file('progress.zst', FRAMES.zstd)
  await openInput(path, {diagnostics: new Diagnostics(), progress: (_, done, total) => seen.push([done, total])})
  t.deepEqual(seen.at(-1), [FRAMES.zstd.length, FRAMES.zstd.length])
})

test('past its memory limit a sink goes on in a temporary file that leaves no trace', t => {
  const before = readdirSync(tmpdir()).filter(name => name.startsWith('gotrace-core-'))
  const sink = new SparseSink('sink', Number.POSITIVE_INFINITY, 2 * 65536)
  const bytes = new Uint8Array(700_001).map((_, i) => (i > 300_000 && i < 500_000 ? 0 : i % 251))
  for (let at = 0; at < bytes.length; at += 50_000) sink.write(bytes.subarray(at, at + 50_000))
  t.is(sink.size, bytes.length)
  const source = sink.finish('spilled')
  t.deepEqual(source.read(0, bytes.length), bytes)
  t.deepEqual(source.read(299_990, 20).slice(), bytes.slice(299_990, 300_010))
  t.throws(() => source.read(bytes.length - 1, 2), {code: 'truncated'})
  source.close()
  t.deepEqual(
    readdirSync(tmpdir()).filter(name => name.startsWith('gotrace-core-')),
    before,
  )
})

test('lz4 frames may follow each other, with skippable ones between', t => {
  const skippable = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3)
  const input = [FRAMES.lz4, skippable, FRAMES.lz4]
  let size = 0
  for (const chunk of unpackLz4(input, 'frames')) size += chunk.length
  t.is(size, 2 * CONTENT.length)
})

test('blocks of lz4 are handed out where they lie, not copied', t => {
  const memories = Array.from(unpackLz4([FRAMES.lz4], 'frame'), ({buffer}) => buffer)
  t.is(memories.length, 4)
  t.is(new Set(memories).size, 1)
})

test('zstd sections unpack once the decoder is prepared, to exactly the size that they state', async t => {
  const zstd = new ZstdSections()
  await zstd.prepare()
  t.true(zstd.ready)
  t.deepEqual(zstd.unpack(FRAMES.zstd, CONTENT.length, 'section'), CONTENT)
  t.throws(() => zstd.unpack(FRAMES.zstd, CONTENT.length - 1, 'section'), {code: 'format'})
  t.throws(() => zstd.unpack(FRAMES.zstd, CONTENT.length + 1, 'section'), {code: 'format'})
  t.throws(() => zstd.unpack(FRAMES.zstd.subarray(0, 30), CONTENT.length, 'section'), {code: 'format'})
})

test('a small xz unpacks whole, or not at all where it is bad or too large', async t => {
  t.deepEqual(await unpackXzBytes(FRAMES.xz, 'xz', 1_000_000), CONTENT)
  t.is(await unpackXzBytes(FRAMES.xz, 'xz', 1000), undefined)
  t.is(await unpackXzBytes(FRAMES.xz.subarray(0, 60), 'xz', 1_000_000), undefined)
  t.deepEqual(await unpackXzBytes(FRAMES.xz, 'xz', 1_000_000), CONTENT)
})

test('a sink keeps bytes of its own, whatever becomes of the Buffer that they came in', t => {
  const chunk = Buffer.alloc(2 * 65_536, 7)
  const sink = new SparseSink('name')
  sink.write(chunk)
  chunk.fill(9)
  const source = sink.finish('name')
  const bytes = source.read(65_500, 100)
  t.true(bytes.every(byte => byte === 7))
  t.false(Buffer.isBuffer(source.read(0, 8)))
})

import zlib from 'node:zlib'
import {Cursor} from '../base/cursor.ts'
import {FormatError, messageOf, UnsupportedError} from '../base/errors.ts'
import type {SectionBudget} from './section-budget.ts'

/** ch_type (gABI ch. 4, "Section Compression"). */
const ELFCOMPRESS_ZLIB = 1
const ELFCOMPRESS_ZSTD = 2
const CHDR_SIZE = 24
/** deflate cannot do better than 1:1032, zstd's runs do but no linker's sections come near. */
const RATIO_MAX = 2048
/** Past some size sections of debug information pack to a half or a tenth, never to so little: more is a bomb. */
const LARGE_SIZE = 64 * 1024 * 1024
const LARGE_RATIO_MAX = 64
/**
 * zlib's own smallest chunk, and the most that is laid out on a claim alone: pieces are copied together in the end,
 * which costs a third.
 */
const CHUNK_MIN = 64
const CHUNK_MAX = 16 * 1024 * 1024

/**
 * Unpacks zstd; throws a GotraceError for bad input. Node 20 has none built in, and the package for it starts
 * asynchronously, so it is prepared where async is allowed (acquire/zstd-decoder.ts) and handed down.
 */
export type ZstdUnpack = (bytes: Uint8Array, size: number, where: string) => Uint8Array

/** zstd of node:zlib, from Node 22.15 on. */
type ZlibWithZstd = {zstdDecompressSync?: (bytes: Uint8Array, options: {maxOutputLength: number}) => Uint8Array}

/** Node's own zstd where it has one. */
export function builtInZstd(): ZstdUnpack | undefined {
  const unpack = (zlib as ZlibWithZstd).zstdDecompressSync
  if (!unpack) return undefined
  return (bytes, size, where) => checked(where, size, () => unpack(bytes, {maxOutputLength: Math.max(size, 1)}))
}

/**
 * The content of an SHF_COMPRESSED section (gABI ch. 4): Elf64_Chdr, then the packed bytes.
 * @throws FormatError · SectionTooLargeError · UnsupportedError where zstd is needed and there is none
 */
export function unpackSection(
  bytes: Uint8Array,
  where: string,
  {zstd, budget}: {zstd: ZstdUnpack | undefined; budget: SectionBudget},
): Uint8Array {
  const header = new Cursor(bytes, where)
  const type = header.u32()
  header.skip(4)
  const size = header.u64()
  const packed = bytes.subarray(CHDR_SIZE)
  header.seek(Math.min(CHDR_SIZE, bytes.length))
  checkSize(size, packed.length, where)
  budget.take(size, where)
  if (type === ELFCOMPRESS_ZLIB) return inflate(packed, size, where)
  if (type !== ELFCOMPRESS_ZSTD) throw new FormatError(where, `no compression type ${type}`)
  if (!zstd) throw new UnsupportedError(`${where}: compressed with zstd, which was not prepared`)
  return zstd(packed, size, where)
}

/** The content of a `.zdebug_*` section, the form before SHF_COMPRESSED: `ZLIB`, big-endian size, deflated bytes. */
export function unpackGnuSection(bytes: Uint8Array, where: string, budget: SectionBudget): Uint8Array {
  const header = new Cursor(bytes, where)
  if (header.slice(4).cstring() !== 'ZLIB') throw new FormatError(where, 'no ZLIB header')
  let size = 0
  for (let index = 0; index < 8; index++) size = size * 256 + header.u8()
  const packed = bytes.subarray(header.position)
  checkSize(size, packed.length, where)
  budget.take(size, where)
  return inflate(packed, size, where)
}

function checkSize(size: number, packedSize: number, where: string): void {
  const ratioMax = size > LARGE_SIZE ? LARGE_RATIO_MAX : RATIO_MAX
  if (size > packedSize * ratioMax) {
    throw new FormatError(where, `claims to unpack from ${packedSize} to ${size} bytes`)
  }
}

function inflate(packed: Uint8Array, size: number, where: string): Uint8Array {
  // One byte more than there is: a full chunk would be followed by another, to see that nothing comes.
  const chunkSize = Math.min(Math.max(size + 1, CHUNK_MIN), CHUNK_MAX)
  return checked(where, size, () => zlib.inflateSync(packed, {maxOutputLength: Math.max(size, 1), chunkSize}))
}

function checked(where: string, size: number, unpack: () => Uint8Array): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = unpack()
  } catch (cause) {
    throw new FormatError(where, `cannot be unpacked: ${messageOf(cause)}`, {cause})
  }
  if (bytes.length !== size) throw new FormatError(where, `unpacked to ${bytes.length} bytes, not ${size}`)
  // A plain view: Buffer's slice shares where Uint8Array's copies.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

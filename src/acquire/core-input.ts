import {pipeline, Readable} from 'node:stream'
import {setImmediate} from 'node:timers/promises'
import zlib from 'node:zlib'
import {type ByteSource, BytesSource, FileSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {GotraceError, InputError, messageOf} from '../base/errors.ts'
import {timeIsOver} from '../base/time-limit.ts'
import type {FileWatch} from './file-watch.ts'
import {unpackLz4} from './lz4-frame.ts'
import {RangedSource} from './ranged-source.ts'
import {isRemote, RemoteFile} from './remote-file.ts'
import {type ClosableSource, SparseSink} from './sparse-sink.ts'
import {InputStream, isStandardInput, openStandardInput} from './standard-input.ts'
import {checkUnpackedSize, DEFAULT_UNPACK_LIMITS, type UnpackLimits} from './unpack-limits.ts'
import {unpackXz} from './xz-stream.ts'
import {openZstdStream} from './zstd-decoder.ts'

export type Compression = 'none' | 'gzip' | 'zstd' | 'lz4' | 'xz'

/** How far a long step has come; `total` is undefined where it cannot be known. */
export type Progress = (step: string, done: number, total: number | undefined) => void

export interface OpenInputOptions {
  diagnostics: Diagnostics
  deadline?: Deadline | undefined
  progress?: Progress | undefined
  limits?: UnpackLimits | undefined
  /** Looks at the first bytes of what is packed before more is unpacked. @throws InputError where it is not wanted */
  checkHead?: ((head: ByteSource) => void) | undefined
  watch?: FileWatch | undefined
}

export interface OpenInput {
  source: ClosableSource
  compression: Compression
}

const CHUNK_SIZE = 256 * 1024
/** Unpacked bytes between turns of the event loop, so that timers and signals are heard. */
const TURN_SIZE = 16 * 1024 * 1024
/** Less than that is fetched whole in less time than its parts would take one by one. */
const RANGED_FROM = 32 * 1024 * 1024
/** As much as an ELF header (gABI ch. 4). */
const HEAD_SIZE = 64

/** Packings that are known by their first bytes alone, and what unpacks them. */
const UNPACKERS = {
  bzip2: 'bunzip2 -k',
  compress: 'uncompress -k',
  lzip: 'lzip -dk',
  lzop: 'lzop -d',
  zip: 'unzip',
  '7z': '7z x',
} as const
export type Packing = Compression | keyof typeof UNPACKERS

const MAGICS: readonly [Packing, readonly number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['compress', [0x1f, 0x9d]],
  ['lzip', [0x4c, 0x5a, 0x49, 0x50]],
  ['lzop', [0x89, 0x4c, 0x5a, 0x4f]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['7z', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
]

/** What the first 8 bytes of a file are, whatever its name says: systemd packs with zstd, lz4 or xz, by its build. */
export function detectPacking(head: Uint8Array): Packing {
  const found = MAGICS.find(([, magic]) => magic.every((byte, index) => head[index] === byte))
  return found ? found[0] : 'none'
}

/** Whether `openInput` reads it. */
export function isUnpacked(packing: Packing): packing is Compression {
  return !(packing in UNPACKERS)
}

/** Where packed bytes come from, in order. */
type PackedInput = Pick<FileSource, 'name' | 'chunks'> & {readonly size: number | undefined}

/**
 * Opens a core, an executable or a library that may be packed with gzip, zstd, lz4 or xz. `-` is standard input, an
 * address (`s3://`, `http://`, `https://`) a file on a server; both are kept as what is unpacked is. What unpacks only
 * in part is used as far as it goes, with a diagnostic.
 * @throws InputError
 */
export async function openInput(path: string, options: OpenInputOptions): Promise<OpenInput> {
  return isRemote(path) ? openRemote(path, options) : openLocal(path, options)
}

async function openRemote(address: string, options: OpenInputOptions): Promise<OpenInput> {
  const file = await RemoteFile.open(address, {environment: process.env, deadline: options.deadline})
  const ranged = await openRanged(file, options)
  if (ranged) return {source: ranged, compression: 'none'}
  const fetched = await fetchWhole(file, options)
  try {
    const compression = detectPacking(fetched.read(0, Math.min(8, fetched.size)))
    if (compression === 'none') return {source: fetched, compression}
    if (!isUnpacked(compression)) throw unknownPacking(file.name, compression)
    const packed = {name: file.name, size: fetched.size, chunks: (length: number) => chunksOf(fetched, length)}
    const source = await unpackInput(packed, compression, options)
    fetched.close()
    return {source, compression}
  } catch (error) {
    fetched.close()
    throw error
  }
}

/** Read where it lies: what is large, not packed, and can be had in parts. */
async function openRanged(file: RemoteFile, options: OpenInputOptions): Promise<ClosableSource | undefined> {
  if (!file.hasRanges || (file.size ?? 0) < RANGED_FROM) return undefined
  const head = await file.read(0, HEAD_SIZE)
  if (detectPacking(head) !== 'none') return undefined
  options.checkHead?.(new BytesSource(head, file.name))
  return RangedSource.open(file, options.deadline)
}

function* chunksOf(source: ByteSource, length: number): Generator<Uint8Array> {
  for (let at = 0; at < source.size; at += length) {
    yield new Uint8Array(source.read(at, Math.min(length, source.size - at)))
  }
}

/** As much of it as comes in time. @throws InputError */
async function fetchWhole(file: RemoteFile, options: OpenInputOptions): Promise<ClosableSource> {
  const {limits = DEFAULT_UNPACK_LIMITS, progress, deadline, checkHead} = options
  const sink = new SparseSink(file.name, limits.diskMax)
  const check = (head: ByteSource): void => {
    if (detectPacking(head.read(0, 8)) === 'none') checkHead?.(head)
  }
  try {
    for await (const chunk of withCheckedHead(file.chunks(), file.name, check)) {
      sink.write(chunk)
      progress?.(`fetching ${file.name}`, sink.size, file.size)
      if (deadline?.isOver(`fetching ${file.name}`)) break
    }
    if (sink.size === 0) throw deadline?.hasStruck ? timeIsOver() : isEmpty(file)
    return sink.finish(file.name)
  } catch (error) {
    sink.discard()
    throw error
  }
}

async function openLocal(path: string, options: OpenInputOptions): Promise<OpenInput> {
  const input = isStandardInput(path) ? openStandardInput(options.deadline) : FileSource.open(path)
  if (input instanceof FileSource) options.watch?.add(input)
  try {
    const head = input instanceof InputStream ? input.head(8) : input.read(0, Math.min(8, input.size))
    if (head.length === 0) throw options.deadline?.hasStruck ? timeIsOver() : isEmpty(input)
    const compression = detectPacking(head)
    if (compression === 'none' && input instanceof FileSource) return {source: input, compression}
    if (!isUnpacked(compression)) throw unknownPacking(path, compression)
    const source = await unpackInput(input, compression, options)
    input.close()
    return {source, compression}
  } catch (error) {
    input.close()
    throw error
  }
}

function isEmpty(input: FileSource | InputStream | RemoteFile): InputError {
  if (!(input instanceof InputStream)) {
    return new InputError(
      'not-a-core',
      `${input.name}: the file is empty`,
      'check free disk space where it was written',
    )
  }
  return new InputError('not-a-core', `${input.name}: nothing came`, 'check the command in front of the pipe')
}

function unknownPacking(path: string, packing: keyof typeof UNPACKERS): InputError {
  return new InputError(
    'unreadable',
    `${path}: packed with ${packing}`,
    `unpack it first: ${UNPACKERS[packing]} ${path}`,
  )
}

/**
 * The first bytes of what a packed file holds, fewer where it holds fewer: enough to tell whether the rest is wanted.
 * @throws InputError where it cannot be unpacked
 */
export async function readPackedHead(
  file: FileSource,
  compression: Exclude<Compression, 'none'>,
  length: number,
): Promise<Uint8Array> {
  const head = new Uint8Array(length)
  let filled = 0
  try {
    for await (const chunk of unpackedChunks(file, compression, {read: 0})) {
      const part = chunk.subarray(0, length - filled)
      head.set(part, filled)
      filled += part.length
      if (filled === length) break
    }
  } catch (error) {
    if (filled < length) throw unpackFailed(file.name, compression, error)
  }
  return head.subarray(0, filled)
}

async function unpackInput(
  file: PackedInput,
  compression: Compression,
  options: OpenInputOptions,
): Promise<ClosableSource> {
  const path = file.name
  const {limits = DEFAULT_UNPACK_LIMITS} = options
  const sink = new SparseSink(path, limits.diskMax)
  try {
    await fillSink(sink, file, compression, {...options, limits})
    return sink.finish(path)
  } catch (error) {
    sink.discard()
    throw error
  }
}

/** Writes what unpacks to the sink, and gives way to others now and then. @throws InputError where nothing is usable */
async function fillSink(
  sink: SparseSink,
  file: PackedInput,
  compression: Compression,
  {limits, checkHead, progress, diagnostics, deadline}: OpenInputOptions & {limits: UnpackLimits},
): Promise<void> {
  const path = file.name
  const position = {read: 0}
  const report = (): void =>
    progress?.(`${compression === 'none' ? 'reading' : 'unpacking'} ${path}`, position.read, file.size)
  try {
    let nextTurn = TURN_SIZE
    for await (const chunk of withCheckedHead(unpackedChunks(file, compression, position), path, checkHead)) {
      sink.write(chunk)
      if (deadline?.isOver(`unpacking ${path}`)) break
      if (sink.size < nextTurn) continue
      checkUnpackedSize(path, sink.size, position.read, limits)
      nextTurn = sink.size + TURN_SIZE
      report()
      await setImmediate()
    }
  } catch (error) {
    const isUsable = sink.size > 0 && !(error instanceof InputError) && isDataError(error)
    if (!isUsable) throw error instanceof InputError ? error : unpackFailed(path, compression, error)
    diagnostics.add('unpacking-failed', `${compression}: ${messageOf(error)}; using what came before`, {
      where: path,
      hint: 'copy the file again in full and compare checksums',
    })
  }
  report()
}

async function* withCheckedHead(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  check: OpenInputOptions['checkHead'],
): AsyncGenerator<Uint8Array> {
  let head = new Uint8Array(0)
  for await (const chunk of chunks) {
    if (check && head.length < HEAD_SIZE) {
      head = Uint8Array.of(...head, ...chunk.subarray(0, HEAD_SIZE - head.length))
      if (head.length === HEAD_SIZE) check(new BytesSource(head, name))
    }
    yield chunk
  }
}

function unpackFailed(path: string, compression: string, cause: unknown): unknown {
  if (!isDataError(cause)) return cause
  const hint = 'copy the file again in full and compare checksums'
  return new InputError('unreadable', `${path}: cannot be unpacked (${compression}): ${messageOf(cause)}`, hint, {
    cause,
  })
}

/** Errors of the data: ours, zlib's (their code begins with Z_) and the wasm decoders'. A full disk is not one. */
function isDataError(error: unknown): boolean {
  if (error instanceof GotraceError) return true
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' && /^(Z_|ZSTD_|ERR_BUFFER|ERR_STREAM)/.test(code)
}

async function* unpackedChunks(
  file: PackedInput,
  compression: Compression,
  position: {read: number},
): AsyncGenerator<Uint8Array> {
  const packed = countedChunks(file, position)
  const built = compression === 'gzip' ? zlib.createGunzip({chunkSize: CHUNK_SIZE}) : builtInStream(compression)
  if (built) {
    // The error comes out of the iteration below.
    pipeline(Readable.from(packed, {objectMode: false}), built, () => {})
    yield* built as AsyncIterable<Uint8Array>
  } else if (compression === 'none') yield* packed
  else if (compression === 'xz') yield* unpackXz(packed, file.name)
  else if (compression === 'lz4') yield* unpackLz4(packed, file.name)
  else yield* (await openZstdStream())(packed, file.name)
}

type Transform = ReturnType<typeof zlib.createGunzip>
type ZlibWithZstd = {
  createZstdDecompress?: (options: {chunkSize: number; params: Record<number, number>}) => Transform
  constants: {ZSTD_d_windowLogMax?: number}
}

/** A frame states its window, which is held in memory: half a gigabyte, as `zstd --long=29` makes them. */
const WINDOW_LOG_MAX = 29

/** zstd of node:zlib, from Node 22.15 on; it takes the long windows that the package refuses. */
function builtInStream(compression: Compression): Transform | undefined {
  const {createZstdDecompress, constants} = zlib as unknown as ZlibWithZstd
  if (compression !== 'zstd' || !createZstdDecompress || constants.ZSTD_d_windowLogMax === undefined) return undefined
  return createZstdDecompress({chunkSize: CHUNK_SIZE, params: {[constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX}})
}

function* countedChunks(file: PackedInput, position: {read: number}): Generator<Uint8Array> {
  for (const chunk of file.chunks(CHUNK_SIZE)) {
    position.read += chunk.length
    yield chunk
  }
}

import {gunzipSync} from 'node:zlib'
import {detectPacking, isUnpacked, readPackedHead} from '../../acquire/core-input.ts'
import {FileSource} from '../../base/byte-source.ts'
import {InputError} from '../../base/errors.ts'
import {readWholeFile} from '../../base/whole-file.ts'
import {CORE_HEAD_SIZE, isCoreHead} from '../../elf/core-file.ts'
import type {DumpedStack} from '../../traceback/dumped-stack.ts'
import {holdsTraceback, parseGoTraceback} from '../../traceback/go-traceback.ts'
import {holdsGoroutineProfile, parseGoroutineProfile} from '../../traceback/goroutine-profile.ts'
import {isDatabaseUrl} from '../store/postgres.ts'
import {isDatabaseHead} from '../store/store-file.ts'
import {parseStoredLine, type StoredLine} from '../stored-line.ts'
import {parsePprof} from './pprof-profile.ts'

/** What a file is by its content. */
export type DumpInput =
  | {readonly kind: 'core'}
  | {readonly kind: 'store'}
  | {readonly kind: 'traceback' | 'profile'; readonly stacks: readonly DumpedStack[]}
  | {readonly kind: 'lines'; readonly lines: readonly StoredLine[]}

const HEAD_SIZE = 64
/** Texts of a million goroutines are shorter. */
const SIZE_MAX = 512 * 1024 * 1024

/** Looks at what a file holds, and reads it where it is no core and no store. @throws InputError */
export async function readDump(path: string): Promise<DumpInput> {
  if (isDatabaseUrl(path)) return {kind: 'store'}
  const head = await readHead(path)
  if (head.isCore) return {kind: 'core'}
  if (isDatabaseHead(head.bytes)) return {kind: 'store'}
  const bytes = unpack(path, readWholeFile(path, SIZE_MAX))
  const text = new TextDecoder().decode(bytes)
  if (holdsGoroutineProfile(text)) return {kind: 'profile', stacks: parseGoroutineProfile(text)}
  const lines = parseLines(text)
  if (lines) return {kind: 'lines', lines}
  if (holdsTraceback(text)) return {kind: 'traceback', stacks: parseGoTraceback(text)}
  const profile = parsePprof(bytes)
  if (profile && 'kind' in profile) {
    throw unusable(`${path}: a profile of ${profile.kind}, not of goroutines`, 'take /debug/pprof/goroutine')
  }
  if (profile) return {kind: 'profile', stacks: profile}
  const known = 'a core, a traceback of Go, a goroutine profile, lines of batch, or a store'
  throw unusable(`${path}: nothing that can be compared`, `name ${known}`)
}

function unusable(message: string, hint: string): InputError {
  return new InputError('bad-argument', message, hint)
}

/** A core may be packed; so may a profile. */
async function readHead(path: string): Promise<{bytes: Uint8Array; isCore: boolean}> {
  const file = FileSource.open(path)
  try {
    const bytes = file.read(0, Math.min(HEAD_SIZE, file.size))
    const packing = detectPacking(bytes)
    if (packing === 'none' || !isUnpacked(packing)) return {bytes, isCore: isCoreHead(bytes)}
    const isCore = packing !== 'gzip' || isCoreHead(await readPackedHead(file, packing, CORE_HEAD_SIZE))
    return {bytes, isCore}
  } finally {
    file.close()
  }
}

function unpack(path: string, bytes: Uint8Array): Uint8Array {
  if (detectPacking(bytes.subarray(0, 8)) !== 'gzip') return bytes
  try {
    return gunzipSync(bytes, {maxOutputLength: SIZE_MAX})
  } catch (cause) {
    throw new InputError('unreadable', `${path}: cannot be unpacked`, 'take it anew: it is cut, or too large', {cause})
  }
}

/** undefined where the first line is none of batch. */
function parseLines(text: string): StoredLine[] | undefined {
  if (!text.startsWith('{"schemaVersion":')) return undefined
  const lines = text.split('\n').flatMap(line => parseStoredLine(line) ?? [])
  return lines.length > 0 ? lines : undefined
}

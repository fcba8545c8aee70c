import {detectPacking, isUnpacked, openInput, readPackedHead} from '../../acquire/core-input.ts'
import {isStandardInput} from '../../acquire/standard-input.ts'
import {type ByteSource, FileSource} from '../../base/byte-source.ts'
import type {Deadline} from '../../base/deadline.ts'
import type {Diagnostics} from '../../base/diagnostics.ts'
import {InputError} from '../../base/errors.ts'
import {readLines} from '../../base/text-lines.ts'
import {runWithin} from '../../base/time-limit.ts'
import {CORE_HEAD_SIZE, isCoreHead} from '../../elf/core-file.ts'
import type {StackList} from '../../traceback/dumped-stack.ts'
import {DumpedStacks} from '../../traceback/dumped-stacks.ts'
import {parseGoTraceback, startsTraceback} from '../../traceback/go-traceback.ts'
import {parseGoroutineProfile, startsGoroutineProfile} from '../../traceback/goroutine-profile.ts'
import {isDatabaseUrl} from '../store/postgres.ts'
import {isDatabaseHead} from '../store/store-file.ts'
import {parseStoredLine, type StoredLine} from '../stored-line.ts'
import {parsePprof} from './pprof-profile.ts'
import {type SignatureSet, signaturesOfLines} from './signature-diff.ts'

/** What a file is by its content. */
export type DumpInput =
  | {readonly kind: 'core'}
  | {readonly kind: 'store'}
  | {readonly kind: 'traceback' | 'profile'; readonly stacks: StackList}
  | {readonly kind: 'lines'; readonly signatures: SignatureSet}

const HEAD_SIZE = 64
/** Texts of a million goroutines with deep stacks are shorter. */
const TEXT_MAX = 4 * 1024 ** 3
/** A profile of a million different stacks is shorter. */
const PROFILE_MAX = 128 * 1024 ** 2

/** Looks at what a file holds, and reads it where it is no core and no store. @throws InputError */
export async function readDump(
  path: string,
  {diagnostics, deadline}: {diagnostics: Diagnostics; deadline: Deadline},
): Promise<DumpInput> {
  if (isDatabaseUrl(path)) return {kind: 'store'}
  if (!isStandardInput(path)) {
    const head = await readHead(path)
    if (head.isCore) return {kind: 'core'}
    if (isDatabaseHead(head.bytes)) return {kind: 'store'}
  }
  const {source} = await openInput(path, {diagnostics, deadline})
  try {
    if (isStandardInput(path) && isCoreOnStandardInput(source)) return {kind: 'core'}
    return runWithin(deadline, () => readText(path, source) ?? readProfile(path, source))
  } finally {
    source.close()
  }
}

/** Of standard input, which is read once where it is no file that the shell opened. @throws InputError */
function isCoreOnStandardInput(source: ByteSource): boolean {
  const head = source.read(0, Math.min(CORE_HEAD_SIZE, source.size))
  if (isCoreHead(head) && source instanceof FileSource) return true
  if (!isCoreHead(head) && !isDatabaseHead(head)) return false
  const what = isCoreHead(head) ? 'a core' : 'a store'
  throw unusable(`standard input: ${what}, which diff reads from a file alone`, 'write it to a file, and name that')
}

/** undefined where no line tells that it is one of ours or of Go's. */
function readText(path: string, source: ByteSource): DumpInput | undefined {
  checkSize(path, source, TEXT_MAX)
  const lines = readLines(source)
  for (const line of lines) {
    if (startsGoroutineProfile(line)) {
      const stacks = new DumpedStacks(path)
      parseGoroutineProfile(lines, stacks)
      return {kind: 'profile', stacks}
    }
    if (startsTraceback(line)) {
      const stacks = new DumpedStacks(path)
      parseGoTraceback(beginningWith(line, lines), stacks)
      return {kind: 'traceback', stacks}
    }
    if (parseStoredLine(line)) {
      return {kind: 'lines', signatures: signaturesOfLines(path, storedLines(line, lines))}
    }
  }
  return undefined
}

/** @throws InputError where it is no profile of goroutines */
function readProfile(path: string, source: ByteSource): DumpInput {
  if (source.size <= PROFILE_MAX) {
    const stacks = new DumpedStacks(path)
    const kind = parsePprof(path, source.read(0, source.size), stacks)
    if (kind === 'goroutine') return {kind: 'profile', stacks}
    if (kind !== undefined) {
      throw unusable(`${path}: a profile of ${kind}, not of goroutines`, 'take /debug/pprof/goroutine')
    }
  }
  const known = 'a core, a traceback of Go, a goroutine profile, lines of batch, or a store'
  throw unusable(`${path}: nothing that can be compared`, `name ${known}`)
}

function checkSize(path: string, {size}: ByteSource, sizeMax: number): void {
  if (size > sizeMax) {
    throw new InputError('too-large', `${path}: ${size} bytes, more than ${sizeMax}`, 'name a smaller file')
  }
}

function unusable(message: string, hint: string): InputError {
  return new InputError('bad-argument', message, hint)
}

/** A core may be packed; so may a profile or a text. */
async function readHead(path: string): Promise<{bytes: Uint8Array; isCore: boolean}> {
  const file = FileSource.open(path)
  try {
    const bytes = file.read(0, Math.min(HEAD_SIZE, file.size))
    const packing = detectPacking(bytes)
    if (packing === 'none' || !isUnpacked(packing)) return {bytes, isCore: isCoreHead(bytes)}
    return {bytes, isCore: isCoreHead(await readPackedHead(file, packing, CORE_HEAD_SIZE))}
  } finally {
    file.close()
  }
}

function* beginningWith(first: string, rest: Iterable<string>): Generator<string> {
  yield first
  yield* rest
}

function* storedLines(first: string, rest: Iterable<string>): Generator<StoredLine> {
  for (const line of beginningWith(first, rest)) {
    const parsed = parseStoredLine(line)
    if (parsed) yield parsed
  }
}

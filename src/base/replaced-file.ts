import {closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync} from 'node:fs'
import {dirname} from 'node:path'
import {InputError, messageOf} from './errors.ts'
import {writeOutput} from './output-file.ts'

/** Text is gathered to this length before it is written. */
const BUFFER_LENGTH = 64 * 1024

/**
 * Puts a document in the place of what is there: who reads the file finds the one or the other, never a part, whoever
 * is killed and when.
 * @throws InputError not-writable
 */
export function replaceFile(path: string, pieces: Iterable<string | Uint8Array>): void {
  const temporary = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`
  try {
    const fd = openNew(temporary)
    try {
      for (const bytes of inBlocks(pieces)) writeOutput(fd, bytes, path)
      // A name that leads to a file whose content never reached the disk is a part too.
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (cause) {
    rmSync(temporary, {force: true})
    throw cause instanceof InputError || !isSystemError(cause) ? cause : notWritable(path, cause)
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o666)
  } catch (cause) {
    throw notWritable(path, cause)
  }
}

function isSystemError(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException).syscall !== undefined
}

function* inBlocks(pieces: Iterable<string | Uint8Array>): Generator<Uint8Array> {
  const encoder = new TextEncoder()
  let pending = ''
  for (const piece of pieces) {
    if (typeof piece === 'string') pending += piece
    if (pending.length >= BUFFER_LENGTH || typeof piece !== 'string') {
      yield encoder.encode(pending)
      pending = ''
    }
    if (typeof piece !== 'string') yield piece
  }
  yield encoder.encode(pending)
}

/** Makes a folder, with those above it, where there is none. @throws InputError not-writable */
export function makeFolder(path: string): void {
  try {
    makeFolders(path, 0o777)
  } catch (cause) {
    throw notWritable(path, cause)
  }
}

/**
 * A folder with those above it. Node's own way to make these never ends where a parent is there and mkdir still says
 * ENOENT, as in /proc. @throws what the system says
 */
export function makeFolders(path: string, mode: number): void {
  if (isMade(path, mode)) return
  makeFolders(dirname(path), mode)
  isMade(path, mode)
}

/** False where its parent is not there. @throws what the system says */
function isMade(path: string, mode: number): boolean {
  try {
    mkdirSync(path, {mode})
    return true
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !existsSync(dirname(path))) return false
    if (code === 'EEXIST' && statSync(path).isDirectory()) return true
    throw error
  }
}

function notWritable(path: string, cause: unknown): InputError {
  return new InputError('not-writable', `${path}: ${messageOf(cause)}`, 'name a folder that can be written', {cause})
}

import {closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync} from 'node:fs'
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
    mkdirSync(path, {recursive: true})
  } catch (cause) {
    throw notWritable(path, cause)
  }
}

function notWritable(path: string, cause: unknown): InputError {
  return new InputError('not-writable', `${path}: ${messageOf(cause)}`, 'name a folder that can be written', {cause})
}

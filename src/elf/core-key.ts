import {createHash} from 'node:crypto'
import {addressOfWord} from '../base/address.ts'
import type {CoreFile} from './core-file.ts'
import {AT} from './notes.ts'

/** Of SHA-256, in hexadecimal: 128 bits. */
const KEY_LENGTH = 32
/** What the kernel gives a program to seed its generators with (getauxval(3), AT_RANDOM). */
const RANDOM_LENGTH = 16

/**
 * What tells a dead process from all others, wherever its core lies and whatever it is packed with: its threads with
 * their registers, how it died, where it was loaded, and the random bytes that each execve(2) gets anew. A hash of the
 * whole file would cost as much as the analysis of all of it.
 */
export function readCoreKey(core: CoreFile): string {
  const hash = createHash('sha256')
  const {process: {pid, parentPid, name, commandLine} = {}, signal} = core
  const {number, code, address, senderPid} = signal ?? {}
  hash.update(JSON.stringify([pid, parentPid, name, commandLine, number, code, `${address}`, senderPid]))
  for (const [type, value] of core.auxv) hash.update(`${type} ${value}\n`)
  for (const {start, end, fileOffset, path} of core.mappings) hash.update(`${start} ${end} ${fileOffset} ${path}\n`)
  for (const {tid, registers} of core.threads) hash.update(`${tid}\n`).update(registers)
  const random = addressOfWord(core.auxv.get(AT.AT_RANDOM) ?? 0n)
  const bytes = random === undefined ? undefined : core.memory.read(random, RANDOM_LENGTH)
  return hash
    .update(bytes ?? '')
    .digest('hex')
    .slice(0, KEY_LENGTH)
}

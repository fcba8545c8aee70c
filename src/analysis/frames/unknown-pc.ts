import {isUserAddress} from '../../amd64/canonical-address.ts'
import {type Address, hex, toAddress, type Word} from '../../base/address.ts'
import {readWord} from '../../base/memory-reader.ts'
import type {GoVersion} from '../../gosym/version.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** tracebackHexdump (runtime/traceback.go, 1.10+): 32 words on either side of sp, within the stack. */
const DUMP_REACH = 32 * 8
const LINE_BYTES = 16
/** 1.26 dumps in another form, with a ruler and the bytes as text. */
const LAST_MINOR = 25

/**
 * What the runtime says where a stack begins outside of Go code (runtime.gentraceback, runtime.unwinder.initAt): the
 * pc, and the words around sp. Up to 1.9 it said nothing.
 */
export function describeUnknownPc(process: DeadProcess, goroutine: Goroutine, pc: Address, sp: Address): string[] {
  const {version} = process
  if (!version.atLeast(10) || version.atLeast(LAST_MINOR + 1)) return []
  const {lo, hi} = goroutine.stack
  return [
    `runtime: ${subject(goroutine, version)}unknown pc ${hex(pc)}`,
    `stack: frame={sp:${hex(sp)}, fp:0x0} stack=[${hex(lo)},${hex(hi)})`,
    ...dumpWords(process, Math.max(lo, sp - DUMP_REACH), Math.min(hi, sp + DUMP_REACH), sp),
  ]
}

function subject({id, address}: Goroutine, version: GoVersion): string {
  if (!version.atLeast(19)) return ''
  return version.atLeast(22) ? `g ${id} gp=${hex(address)}: ` : `g ${id}: `
}

/** runtime.hexdumpWords: two words a line, `<` before the one at sp, and behind a word that is code its function. */
function dumpWords(process: DeadProcess, start: number, end: number, sp: Address): string[] {
  const lines: string[] = []
  for (let at = start; at < end; at += 8) {
    const isFirst = (at - start) % LINE_BYTES === 0
    if (isFirst) lines.push(`${fullHex(at, process.version)}: `)
    lines.push(
      `${lines.pop()}${at === sp ? '<' : ' '}${describeWord(process, readWord(process.memory, toAddress(at)))}`,
    )
  }
  return lines
}

function describeWord({tables, version}: DeadProcess, word: Word | undefined): string {
  if (word === undefined) return `${'?'.repeat(16)} `
  const pc = isUserAddress(word) ? toAddress(Number(word)) : undefined
  const fn = pc === undefined ? undefined : tables?.functionAt(pc)
  if (!fn || pc === undefined) return `${fullHex(word, version)} `
  const offset = pc - fn.entry
  return `${fullHex(word, version)} <${fn.name}+${version.atLeast(17) ? fullHex(offset, version) : offset}> `
}

function fullHex(value: number | Word, version: GoVersion): string {
  return `${version.atLeast(17) ? '0x' : ''}${value.toString(16).padStart(16, '0')}`
}

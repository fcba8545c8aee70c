import {isUserAddress} from '../../amd64/canonical-address.ts'
import {type Address, hex, toAddress, type Word} from '../../base/address.ts'
import {readWord} from '../../base/memory-reader.ts'
import type {GoVersion} from '../../gosym/version.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {dumpWords} from './hex-dump.ts'

/** tracebackHexdump (runtime/traceback.go, 1.10+): 32 words on either side of sp, within the stack. */
const DUMP_REACH = 32 * 8
const LINE_BYTES = 16

/**
 * What the runtime says where a stack begins outside of Go code (runtime.gentraceback, runtime.unwinder.initAt): the
 * pc, and the words around sp. Up to 1.9 it said nothing.
 */
export function describeUnknownPc(process: DeadProcess, goroutine: Goroutine, pc: Address, sp: Address): string[] {
  const {version} = process
  if (!version.atLeast(10)) return []
  const {lo, hi} = goroutine.stack
  const range = {start: toAddress(Math.max(lo, sp - DUMP_REACH)), end: toAddress(Math.min(hi, sp + DUMP_REACH))}
  return [
    `runtime: ${subject(goroutine, version)}unknown pc ${hex(pc)}`,
    `stack: frame={sp:${hex(sp)}, fp:0x0} stack=[${hex(lo)},${hex(hi)})`,
    ...(version.atLeast(26)
      ? dumpWords(process.memory, range, (at, word) => notesOf(process, at === sp, word))
      : dumpPlainly(process, range, sp)),
  ]
}

function notesOf({tables}: DeadProcess, isSp: boolean, word: Word | undefined): string[] {
  const code = findCode(tables, word)
  return [...(isSp ? ['SP'] : []), ...(code ? [`<${code.fn.name}+${hex(code.offset)}>`] : [])]
}

function findCode(tables: DeadProcess['tables'], word: Word | undefined) {
  const pc = word !== undefined && isUserAddress(word) ? toAddress(Number(word)) : undefined
  const fn = pc === undefined ? undefined : tables?.functionAt(pc)
  return fn && pc !== undefined ? {fn, offset: toAddress(pc - fn.entry)} : undefined
}

function subject({id, address}: Goroutine, version: GoVersion): string {
  if (!version.atLeast(19)) return ''
  return version.atLeast(22) ? `g ${id} gp=${hex(address)}: ` : `g ${id}: `
}

/**
 * runtime.hexdumpWords up to 1.25: two words a line, `<` before the one at sp, and behind a word that is code its
 * function.
 */
function dumpPlainly(process: DeadProcess, {start, end}: {start: Address; end: Address}, sp: Address): string[] {
  const lines: string[] = []
  for (let at: number = start; at < end; at += 8) {
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
  const code = findCode(tables, word)
  if (!code) return `${fullHex(word, version)} `
  const {fn, offset} = code
  return `${fullHex(word, version)} <${fn.name}+${version.atLeast(17) ? fullHex(offset, version) : offset}> `
}

function fullHex(value: number | Word, version: GoVersion): string {
  return `${version.atLeast(17) ? '0x' : ''}${value.toString(16).padStart(16, '0')}`
}

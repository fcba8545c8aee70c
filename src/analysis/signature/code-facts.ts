import {createHash} from 'node:crypto'
import {directTransfers} from '../../amd64/call-encoding.ts'
import {type Address, toAddress} from '../../base/address.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
import type {MemoryReader} from '../../base/memory-reader.ts'
import {CfiRows} from '../../unwind/cfi-rows.ts'
import {findCallee} from '../frames/c-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** What the code itself says, where names do not reach. */
export interface CodeFacts {
  /** The function of another module that the call before a return address calls, by the name in the caller. */
  calledBefore(returnAddress: Address): string | undefined
  /** Start of the function around a place in C code. */
  functionStart(pc: Address): Address | undefined
  /** How many other functions of its own module a function calls or jumps to directly, by its start. */
  calleesOf(start: Address): number
  /** What the code of a function is, wherever it lies and whatever it refers to, by its start: eight hex digits. */
  fingerprint(start: Address): string | undefined
  /** Whether there is a Go function of that name. */
  isGoFunction(name: string): boolean
}

/** What the code of one process says of its functions. */
export function readCodeFacts(process: DeadProcess): CodeFacts {
  const {memory, tables} = process
  // What is damaged in these tables was told when the stack was walked.
  const rows = new CfiRows(memory, new Diagnostics())
  return {
    calledBefore: returnAddress => {
      const callee = findCallee(process, returnAddress)
      return callee?.isStub ? callee.name : undefined
    },
    functionStart: (pc: Address) => rows.rowAt(pc)?.functionStart,
    calleesOf: start => countCallees(memory, start, pc => rows.rowAt(pc)?.functionStart),
    fingerprint: start => {
      const module = memory.moduleAt(start)
      const end = module && functionEnd(start, module.end, pc => rows.rowAt(pc)?.functionStart)
      const code = end === undefined ? undefined : memory.read(start, Math.min(end - start, FINGERPRINT_MAX))
      return code && module && fingerprintOf(code, start, {start: module.start, end: module.end})
    },
    isGoFunction: name => tables?.functionNamed(name) !== undefined,
  }
}

/** Wrappers of cgo are short. */
const CODE_LIMIT = 2048

/** Told by the bytes of calls and jumps that lead to the start of a function; those of Go have no such start. */
function countCallees(memory: MemoryReader, start: Address, startOf: (pc: Address) => Address | undefined): number {
  const callees = new Set<number>()
  for (const {at, target} of directTransfers(memory.read(start, CODE_LIMIT) ?? new Uint8Array(), start)) {
    if (startOf(at) !== start) break
    if (target > 0 && target !== start && startOf(toAddress(target)) === target) callees.add(target)
  }
  return callees.size
}

/** Longer functions are told by how they begin. */
const FINGERPRINT_MAX = 4096

/** The first place behind a start that belongs to another function, or to none. */
function functionEnd(
  start: Address,
  last: Address,
  startOf: (pc: Address) => Address | undefined,
): Address | undefined {
  const isInside = (pc: number) => startOf(toAddress(pc)) === start
  if (!isInside(start)) return undefined
  let [inside, outside] = [start as number, Math.min(start + FINGERPRINT_MAX, last) as number]
  if (isInside(outside)) return toAddress(outside)
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2)
    if (isInside(middle)) inside = middle
    else outside = middle
  }
  return toAddress(outside)
}

const DISTANCE_SIZE = 4
/** The opcodes that a linker changes where a slot is near enough to be left out (psABI amd64, B.2). */
const [LOAD, ADDRESS_OF] = [0x8b, 0x8d]
const [CALL, JUMP, TWO_BYTES] = [0xe8, 0xe9, 0x0f]

/**
 * A digest of code that another link of it has too: where an instruction leads to anywhere else in the module, that is
 * where the linker put it, and counts for nothing.
 */
export function fingerprintOf(
  code: Uint8Array,
  start: Address,
  module: {readonly start: number; readonly end: number},
): string {
  const plain = Uint8Array.from(code)
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength)
  for (let at = 1; at + DISTANCE_SIZE <= code.length; ) {
    const target = start + at + DISTANCE_SIZE + view.getInt32(at, true)
    const isOwn = target >= start && target < start + code.length
    if (isOwn || !isDistance(code, at) || target < module.start || target >= module.end) {
      at++
      continue
    }
    plain.fill(0, at, at + DISTANCE_SIZE)
    if (plain[at - 2] === LOAD) plain[at - 2] = ADDRESS_OF
    at += DISTANCE_SIZE
  }
  return createHash('sha256').update(plain).digest('hex').slice(0, 8)
}

/** Behind a call, a jump or a ModRM byte that says RIP-relative (mod 00, r/m 101), four bytes are a distance. */
function isDistance(code: Uint8Array, at: number): boolean {
  const before = code[at - 1] as number
  const isBranch = before >= 0x80 && before < 0x90 && code[at - 2] === TWO_BYTES
  return before === CALL || before === JUMP || isBranch || (before < 0x40 && before % 8 === 5)
}

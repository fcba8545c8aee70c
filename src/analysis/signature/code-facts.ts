import {
  behindStub,
  countCallsLikeLast,
  directCallTarget,
  directTransfers,
  loadsClosureCode,
} from '../../amd64/call-encoding.ts'
import {fingerprintOf} from '../../amd64/code-digest.ts'
import {type Address, toAddress} from '../../base/address.ts'
import {Diagnostics} from '../../base/diagnostics.ts'
import {type MemoryReader, readCString} from '../../base/memory-reader.ts'
import type {AddressSpace} from '../../elf/address-space.ts'
import type {Module} from '../../elf/module.ts'
import {CfiRows, type LocatedRow} from '../../unwind/cfi-rows.ts'
import {findCallee} from '../frames/c-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** What the code itself says, where names do not reach. */
export interface CodeFacts {
  /** The function of another module that the call before a return address calls, by the name in the caller. */
  calledBefore(returnAddress: Address): string | undefined
  /** Whether that call goes through a slot: to another module, or to one of several functions for the processor. */
  callsThroughSlot(returnAddress: Address): boolean
  /** Which of the calls of its function that lead there the call before a return address is, from 1; 0: not known. */
  ordinalOfCall(returnAddress: Address): number
  /** Start of the function around a place in C code. */
  functionStart(pc: Address): Address | undefined
  /** Starts of the other functions of its own module that a function calls or jumps to directly, by its start. */
  calleesOf(start: Address): ReadonlySet<number>
  /** What the code of a function is, wherever it lies and whatever it refers to, by its start: eight hex digits. */
  fingerprint(start: Address): string | undefined
  /** Whether the instruction at a place loads the code of a closure that it calls. */
  loadsClosureCode(pc: Address): boolean
  /** Whether a place that no table tells is proven to be of Go's runtime. */
  isRuntimeCode(pc: Address): boolean
  /** Whether there is a Go function of that name. */
  isGoFunction(name: string): boolean
}

/** What the code of one process says of its functions. */
export function readCodeFacts(process: DeadProcess, isRuntimeCode: CodeFacts['isRuntimeCode']): CodeFacts {
  const {memory, tables} = process
  // What is damaged in these tables was told when the stack was walked.
  const rows = new CfiRows(memory, new Diagnostics())
  // Debug information has rows for Go too: C is what counts, with it or without.
  const extentOfC = (pc: Address) => (tables?.functionAt(pc) ? undefined : rows.rowAt(pc))
  const startOfC = (pc: Address) => extentOfC(pc)?.functionStart
  const endOfC = (start: Address, last: number) => functionEnd(start, last, extentOfC)
  const prints = new Map<Address, string | undefined>()
  return {
    calledBefore: returnAddress => {
      const callee = findCallee(process, returnAddress)
      return callee?.isStub ? callee.name : undefined
    },
    callsThroughSlot: returnAddress => {
      const target = directCallTarget(memory, returnAddress)
      return target !== undefined && behindStub(memory, target) !== target
    },
    ordinalOfCall: returnAddress => ordinalOfCall(memory, returnAddress, startOfC),
    functionStart: startOfC,
    calleesOf: start => findCallees(memory, start, startOfC, endOfC),
    fingerprint: start => {
      if (!prints.has(start)) prints.set(start, fingerprintAt(memory, start, endOfC))
      return prints.get(start)
    },
    loadsClosureCode: pc => loadsClosureCode(memory, pc),
    isRuntimeCode,
    isGoFunction: name => tables?.functionNamed(name) !== undefined,
  }
}

/** Wrappers of cgo are short. */
const CODE_LIMIT = 2048

/** Told by the bytes of calls and jumps that lead to the start of a function; those of Go have no such start. */
function findCallees(
  memory: MemoryReader,
  start: Address,
  startOf: (pc: Address) => Address | undefined,
  endOf: EndOf,
): Set<number> {
  const callees = new Set<number>()
  const end = endOf(start, start + CODE_LIMIT) ?? start
  for (const {at, target} of directTransfers(memory.read(start, CODE_LIMIT) ?? new Uint8Array(), start)) {
    if (at >= end) break
    if (target > 0 && target !== start && startOf(toAddress(target)) === target) callees.add(target)
  }
  return callees
}

/** Calls further into a function are not told apart. */
const CALLER_LIMIT = 0x10000

function ordinalOfCall(memory: MemoryReader, pc: Address, startOf: (pc: Address) => Address | undefined): number {
  const start = startOf(toAddress(pc - 1))
  const length = start === undefined ? 0 : pc - start
  const code = start === undefined || length > CALLER_LIMIT ? undefined : memory.read(start, length)
  return start === undefined || !code ? 0 : countCallsLikeLast(code, start)
}

function fingerprintAt(memory: AddressSpace, start: Address, endOf: EndOf): string | undefined {
  const module = memory.moduleAt(start)
  const end = module && endOf(start, Math.min(start + FINGERPRINT_MAX, module.end))
  const code = end === undefined ? undefined : memory.read(start, end - start)
  return code && module && fingerprintOf(code, start, extentOf(module), at => constantText(memory, at))
}

/** With what the program has of a file that is not in it: variables that begin as zero. */
function extentOf({start, end, image, loadBias}: Module): {start: number; end: number} {
  return {start, end: image ? Math.max(end, image.linkEnd + loadBias) : end}
}

const TEXT_LIMIT = 256
// biome-ignore lint/suspicious/noControlCharactersInRegex: texts of programs have no others
const TEXT = /^[^\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f\ufffd]{2,}$/

/** A text of C in memory that is neither written to nor run. */
function constantText(memory: AddressSpace, at: Address): string | undefined {
  const module = memory.moduleAt(at)
  const link = module?.linkAddress(at)
  const load = link === undefined ? undefined : module?.image?.loadAt(link)
  if (!load || load.writable || load.executable) return undefined
  const text = readCString(memory, at, TEXT_LIMIT)
  // Of a path the name: the rest is where the program was built.
  return text !== undefined && TEXT.test(text) ? text.replace(/^\/\S*\//, '') : undefined
}

/** Longer functions are told by how they begin. */
const FINGERPRINT_MAX = 4096

/** The end of the function at a start, or LAST where it goes on there; undefined where none starts. */
type EndOf = (start: Address, last: number) => number | undefined

/**
 * The first place behind a start that belongs to another function, or to none. Call frame information says where that
 * is; only where entries overlap it is searched for: a place that no entry covers makes all tables be read.
 */
export function functionEnd(
  start: Address,
  last: number,
  extentOf: (pc: Address) => Pick<LocatedRow, 'functionStart' | 'functionEnd'> | undefined,
): number | undefined {
  const isInside = (pc: number) => extentOf(toAddress(pc))?.functionStart === start
  const extent = extentOf(start)
  if (extent?.functionStart !== start) return undefined
  let [inside, outside] = [start as number, Math.min(extent.functionEnd, last)]
  if (isInside(outside - 1)) return outside
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2)
    if (isInside(middle)) inside = middle
    else outside = middle
  }
  return outside
}

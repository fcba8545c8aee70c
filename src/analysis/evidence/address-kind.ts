import {isKernelAddress, isNonCanonical} from '../../amd64/canonical-address.ts'
import {type Address, addressOfWord, hex, toAddress, type Word} from '../../base/address.ts'
import type {CoreExtent} from '../../elf/core-segments.ts'
import type {DeadProcess} from '../process/dead-process.ts'

/** What was done to the address that faulted. */
export type AccessKind = 'read' | 'write' | 'execute'

/**
 * Old system calls by address (Linux: Documentation/arch/x86/x86_64/mm.rst); only emulated today, or not there at all.
 */
const VSYSCALL_START = 0xffffffffff600000n
const VSYSCALL_END = 0xffffffffff601000n
/** Nothing is mapped below vm.mmap_min_addr; 64 kB wherever it has not been changed. */
const NULL_PAGES = 0x10000n
/** Farther from a mapping, its neighbourhood says nothing. */
const NEAR = 0x100000
export const STACK_OVERFLOW = 'stack overflow'
/** A stack that overflows is left by no more than one function's locals. */
const STACK_REACH = 0x800000

/**
 * Says in words what an address is that was read, written or run: null, a stack's guard, near or in which mapping, and
 * why that access fails there. `stackPointers`: where stacks are known to be, each with its thread.
 */
export function describeAddress(
  process: Pick<DeadProcess, 'core' | 'memory'>,
  word: Word,
  access: AccessKind,
  stackPointers: readonly StackPointer[],
): string {
  if (word === 0n) return 'null'
  if (word < NULL_PAGES) return `null plus ${hex(word)}`
  if (2n ** 64n - word <= NULL_PAGES) return `null minus ${hex(2n ** 64n - word)}`
  if (word >= VSYSCALL_START && word < VSYSCALL_END) return 'the vsyscall page'
  if (isKernelAddress(word)) return 'kernel address'
  const address = addressOfWord(word)
  if (isNonCanonical(word) || address === undefined) return 'non-canonical'
  return new Neighbourhood(process, stackPointers).describe(address, access)
}

export interface StackPointer {
  sp: Address
  thread: number
}

class Neighbourhood {
  readonly #process: Pick<DeadProcess, 'core' | 'memory'>
  readonly #stackPointers: readonly StackPointer[]

  constructor(process: Pick<DeadProcess, 'core' | 'memory'>, stackPointers: readonly StackPointer[]) {
    this.#process = process
    this.#stackPointers = stackPointers
  }

  describe(address: Address, access: AccessKind): string {
    const extent = this.#extentAt(address)
    if (extent.state === 'unmapped') return this.#describeUnmapped(address, extent)
    if (!extent.readable && !extent.writable && !extent.executable) return this.#describeInaccessible(address, extent)
    const place = this.#nameOf(address, extent)
    if (access === 'write' && !extent.writable) return `read-only page of ${place}`
    if (access === 'execute' && !extent.executable) return `not executable: ${place}`
    if (access === 'read' && !extent.readable) return `not readable: ${place}`
    const file = this.#fileAt(address)
    if (file !== undefined && !this.#process.memory.read(address, 1)) return `past the end of ${file}`
    return `mapped: ${place}`
  }

  #extentAt(address: number): CoreExtent {
    return this.#process.core.segments.extentAt(address)
  }

  #describeUnmapped(address: Address, gap: CoreExtent): string {
    const above = this.#extentAt(gap.end)
    const stack = gap.end - address < STACK_REACH ? this.#stackIn(above, address) : undefined
    if (stack !== undefined) return `below the stack of thread ${stack}: ${STACK_OVERFLOW}`
    const past = address - gap.start
    const before = gap.end - address
    if (past <= before && past < NEAR && gap.start > 0) {
      const below = toAddress(gap.start - 1)
      return `unmapped, ${hex(past)} past the end of ${this.#nameOf(below, this.#extentAt(below))}`
    }
    if (before < NEAR) return `unmapped, ${hex(before)} before ${this.#nameOf(toAddress(gap.end), above)}`
    return 'unmapped: freed or never mapped'
  }

  /** PROT_NONE: a guard page where a stack lies right above it, else address space that was only set aside. */
  #describeInaccessible(address: Address, extent: CoreExtent): string {
    const above = this.#extentAt(extent.end)
    const stack = above.state === 'unmapped' ? undefined : this.#stackIn(above, address)
    if (stack !== undefined) return `guard page of the stack of thread ${stack}: ${STACK_OVERFLOW}`
    const file = this.#fileAt(address)
    return file === undefined ? 'inaccessible (PROT_NONE): set aside, or a guard page' : `inaccessible page of ${file}`
  }

  /** The thread whose stack a mapping holds, whether it is still in it or has just left it downwards. */
  #stackIn({start, end, state}: CoreExtent, below: Address): number | undefined {
    if (state === 'unmapped') return undefined
    const bottom = Math.min(start, below)
    return this.#stackPointers.find(({sp}) => sp >= bottom && sp < end)?.thread
  }

  #nameOf(address: Address, extent: CoreExtent): string {
    const file = this.#fileAt(address)
    if (file !== undefined) return file
    const stack = this.#stackPointers.find(({sp}) => sp >= extent.start && sp < extent.end)
    if (stack) return `the stack of thread ${stack.thread}`
    return `anonymous memory at ${hex(extent.start)}`
  }

  /** The file that was mapped there; its bss too. */
  #fileAt(address: Address): string | undefined {
    const {core, memory} = this.#process
    const mapping = core.mappings.find(({start, end}) => address >= start && address < end)
    return mapping?.path ?? memory.moduleAt(address)?.path
  }
}

import {behindStub, callTarget} from '../../amd64/call-encoding.ts'
import {commonJump, type Jump} from '../../amd64/common-jump.ts'
import {Disassembler} from '../../amd64/disassembler.ts'
import {decodeInstruction} from '../../amd64/instruction.ts'
import {type Address, toAddress} from '../../base/address.ts'
import {BoundedCache} from '../../base/bounded-cache.ts'
import {type MemoryReader, readAddress} from '../../base/memory-reader.ts'
import type {Symbolizer, TailCall} from '../../symbolize/symbolizer.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'

/** Functions that are looked at for one call, and how deep; a tail call that matters is a few steps away. */
const VISIT_LIMIT = 256
const DEPTH_LIMIT = 32
/** Functions whose tail calls are remembered. */
const FUNCTIONS_KEPT = 65_536
const CALLS_KEPT = 65_536
/** Lengths of jumps: rel32, rel8, near conditional or through a slot, and that with a prefix. */
const JUMP_LENGTHS = [5, 2, 6, 7] as const

const NONE: readonly UnwindFrame[] = []

/** A jump out of a function: `returnPc` is behind it. */
interface Site {
  readonly returnPc: Address
  readonly target: Address
}

/**
 * Functions that were called and left by a jump to another one: they have no frame, but where DWARF lists all tail
 * calls of each function on the way and one way alone leads from the call to the function that runs, they were on it.
 * gdb infers them in the same manner (dwarf2/frame-tailcall.c); where several ways lead there, nothing is said.
 */
export class TailCalls {
  readonly #memory: MemoryReader
  readonly #symbolizer: Pick<Symbolizer, 'locate' | 'tailCallsOf'>
  readonly #disassembler: Disassembler
  /** Of a function that begins there; undefined where a tail call is not known, or where it leads. */
  readonly #sites = new BoundedCache<Address, readonly Site[] | undefined>(FUNCTIONS_KEPT)
  /** Where the calls before return addresses lead. */
  readonly #called = new BoundedCache<Address, Address | undefined>(CALLS_KEPT)
  readonly #findCalled = (returnPc: Address) => callTarget(this.#memory, returnPc)

  constructor(memory: MemoryReader, symbolizer: Pick<Symbolizer, 'locate' | 'tailCallsOf'>) {
    this.#memory = memory
    this.#symbolizer = symbolizer
    this.#disassembler = new Disassembler(memory)
  }

  /** The frames between one and its caller, innermost first; none where nothing is proven. */
  between(callee: UnwindFrame, caller: UnwindFrame): readonly UnwindFrame[] {
    if (callee.kind !== 'native' || caller.kind !== 'native' || caller.interrupted) return NONE
    if (caller.foundBy === 'scan') return NONE
    const called = this.#called.of(caller.pc, this.#findCalled)
    if (called === undefined || called === callee.start) return NONE
    const entry = this.#symbolizer.locate(callee.pc, callee.lookupPc).at(-1)?.entry ?? callee.start
    if (entry === undefined || entry === null || called === entry) return NONE
    const path = new PathSearch(entry, at => this.#sitesOf(at)).find(called)
    return (path ?? []).map(({returnPc}) => frameOf(returnPc, caller)).reverse()
  }

  #sitesOf(entry: Address): readonly Site[] | undefined {
    return this.#sites.of(entry, () => {
      const sites = this.#symbolizer.tailCallsOf(entry)?.map(call => this.#resolve(call))
      return sites?.every(site => site !== undefined) ? sites : undefined
    })
  }

  /** Where a tail call leads, by its code, which is what ran. */
  #resolve({callPc, returnPc, isDirect}: TailCall): Site | undefined {
    if (!isDirect) return undefined
    if (callPc !== undefined) {
      const jump = this.#decode(callPc)
      const target = jump && this.#targetOf(jump)
      return jump && target !== undefined ? {returnPc: toAddress(callPc + jump.length), target} : undefined
    }
    const target = returnPc === undefined ? undefined : this.#targetBefore(returnPc)
    return returnPc === undefined || target === undefined ? undefined : {returnPc, target}
  }

  /** Of several ways to read the bytes before a place one alone jumps to where a function begins. */
  #targetBefore(returnPc: Address): Address | undefined {
    const targets = new Set<Address>()
    for (const length of JUMP_LENGTHS) {
      const jump = returnPc < length ? undefined : this.#decode(toAddress(returnPc - length))
      const target = jump?.length === length ? this.#targetOf(jump) : undefined
      if (target !== undefined && this.#symbolizer.locate(target, target).at(-1)?.entry === target) targets.add(target)
    }
    return targets.size === 1 ? [...targets][0] : undefined
  }

  #decode(pc: Address): Jump | undefined {
    const jump = commonJump(this.#memory, pc) ?? decodeInstruction(this.#disassembler, pc)
    return jump === 'other' ? undefined : jump
  }

  #targetOf({flow, target, slot}: Jump): Address | undefined {
    if (flow === 'tail-jump') return slot === undefined ? undefined : readAddress(this.#memory, slot)
    if (flow !== 'jump' && flow !== 'branch') return undefined
    return target === undefined ? undefined : behindStub(this.#memory, target)
  }
}

/** Searches the only way by tail calls from one function to another. */
class PathSearch {
  readonly #wanted: Address
  readonly #sitesOf: (entry: Address) => readonly Site[] | undefined
  readonly #found: Site[][] = []
  #visits = 0
  #isOpen = false

  constructor(wanted: Address, sitesOf: (entry: Address) => readonly Site[] | undefined) {
    this.#wanted = wanted
    this.#sitesOf = sitesOf
  }

  /** undefined where there is none, more than one, or a place from where anything may have followed. */
  find(called: Address): Site[] | undefined {
    this.#visit(called, [called], [])
    const [path] = this.#found
    if (this.#isOpen || this.#found.length !== 1 || !path) return undefined
    // A function that can come back to itself may have gone round any number of times.
    for (const {target} of this.#sitesOf(this.#wanted) ?? []) this.#visit(target, [this.#wanted, target], [])
    return this.#isOpen || this.#found.length > 1 ? undefined : path
  }

  #visit(entry: Address, functions: readonly Address[], path: readonly Site[]): void {
    if (entry === this.#wanted) {
      this.#found.push([...path])
      return
    }
    const sites = this.#visits++ < VISIT_LIMIT && functions.length < DEPTH_LIMIT ? this.#sitesOf(entry) : undefined
    if (!sites) this.#isOpen = true
    for (const site of sites ?? []) {
      if (site.target !== this.#wanted && functions.includes(site.target)) this.#isOpen = true
      if (this.#isOpen) return
      this.#visit(site.target, [...functions, site.target], [...path, site])
    }
  }
}

/** Nothing is left of its frame, which ended where its caller's begins. */
function frameOf(returnPc: Address, {sp, stack, registers}: UnwindFrame): UnwindFrame {
  const place = {pc: returnPc, lookupPc: toAddress(returnPc - 1), sp, cfa: sp}
  return {...place, foundBy: 'tail-call', stack, kind: 'native', go: undefined, registers, interrupted: false}
}

import {callTarget, directCallTarget} from '../amd64/call-encoding.ts'
import {Disassembler} from '../amd64/disassembler.ts'
import {type DecodedInstruction, decodeInstruction} from '../amd64/instruction.ts'
import type {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {BoundedCache} from '../base/bounded-cache.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {MemoryWindow} from '../base/memory-window.ts'
import type {UnwindRow} from '../dwarf/unwind-row.ts'
import {type AppliedRow, applyRow} from './apply-row.ts'
import {CalleeCheck} from './callee-check.ts'
import type {CodeMap} from './code-map.ts'
import {walkToReturns} from './epilogue-rows.ts'
import {
  findFramelessCaller,
  findFramePointerCaller,
  JUST_CALLED_ROW,
  scanForCaller,
  startsStack,
} from './guessed-caller.ts'
import {type CodePlace, walkFromEntry} from './prologue-rows.ts'
import type {FoundBy} from './unwind-frame.ts'
import type {Departure, Position} from './unwinder.ts'

const ROW_CACHE_LIMIT = 10_000
const INSTRUCTION_CACHE_LIMIT = 50_000
/**
 * Instructions decoded for one process (a few microseconds each): a stack full of chance likenesses must not take
 * minutes.
 */
const DECODE_BUDGET = 500_000

/** The frame that is to be left. */
interface Callee extends CodePlace {
  readonly registers: RegisterSet
}

interface Found extends AppliedRow {
  readonly byFramePointer: boolean
}

/** The callers of frames that no table covers. */
export class FallbackRows {
  readonly #memory: MemoryReader
  readonly #window: MemoryWindow
  readonly #code: CodeMap
  readonly #disassembler: Disassembler
  readonly #callees: CalleeCheck
  /** Of the calls before return addresses. */
  readonly #targets = new BoundedCache<Address, Address | undefined>(ROW_CACHE_LIMIT)
  readonly #instructions = new Map<Address, DecodedInstruction>()
  #budget = DECODE_BUDGET
  readonly #rows = new Map<string, readonly UnwindRow[]>()

  constructor(memory: MemoryReader, code: CodeMap) {
    this.#memory = memory
    this.#window = new MemoryWindow(memory)
    this.#code = code
    this.#disassembler = new Disassembler(memory)
    this.#callees = new CalleeCheck(memory, at => this.#decodeCode(at))
  }

  /**
   * By the code from the entry that a direct call leads to, which is exact, or up to the function's return; then by
   * rbp; then by a scan. Whatever is found must be a return address behind a call.
   */
  leave(position: Position): Departure {
    const {registers, exactPc} = position
    const pc = registers.place(DWARF_REGISTER.rip)
    if (pc === undefined) return {cfa: undefined, next: 'unmapped'}
    if (exactPc && !this.#code.isCode(pc, true)) return this.#leaveWildPc(position, pc)
    const callee = {registers, pc, exactPc}
    // Code that is not at hand shows neither where it returns nor how it was entered.
    const isRead = this.#code.isRead(exactPc || pc === 0 ? pc : toAddress(pc - 1))
    const departure = (isRead ? this.#leaveByCode(callee) : undefined) ?? this.#leaveByStack(callee)
    if (departure) return departure
    // Threads and processes start with rbp 0 (System V ABI, 3.4.1): an uncovered caller with it is the root.
    const isRoot = !exactPc && (registers.bp === 0 || startsStack(pc, this.#memory, at => this.#decodeCode(at)))
    return {cfa: undefined, next: isRoot ? 'end-of-stack' : 'no-unwind-info'}
  }

  /** The callee's own code says how much is on the stack. */
  #leaveByCode(callee: Callee): Departure | undefined {
    const returned = this.#findByReturn(callee)
    const isSure = returned && this.#entered(returned.cfa, returned.caller.pc, callee) !== undefined
    const entered = isSure ? returned : this.#findByEntry(callee)
    const found = entered ?? returned
    if (!found) return undefined
    return toDeparture(found, isFramedBy(callee.registers.bp, found) ? 'frame-pointer' : entered ? 'code' : 'scan')
  }

  /** Nothing but what lies on the stack is known: rbp's frame record, else words that look like a caller's. */
  #leaveByStack(callee: Callee): Departure | undefined {
    const {registers, pc, exactPc} = callee
    const framed = findFramePointerCaller(registers, this.#memory, this.#code)
    // A handler is entered with the rbp of what it interrupted, and may keep it.
    const isHandler = (slot: Address, cfa: Address) => this.#code.isHandlerReturn(slot, cfa)
    // What lies beyond the frame record is of its callers: a deep stack would be looked through once a frame.
    const handled = scanForCaller(registers, this.#window, isHandler, framed && framed.cfa - 8)
    if (handled) return toDeparture(handled, 'scan')
    const bare =
      exactPc && !this.#code.isRead(pc) ? findFramelessCaller(registers, this.#memory, this.#code) : undefined
    if (bare && (!framed || bare.cfa < framed.cfa)) return toDeparture(bare, 'scan')
    if (framed && this.#code.leavesUnread(pc, exactPc, framed.caller.pc)) {
      return toDeparture(this.#findCallOfUnread(callee) ?? framed, 'scan')
    }
    if (framed && this.#mayCall(framed.caller.pc, callee)) return toDeparture(framed, 'frame-pointer')
    const scanned = scanForCaller(registers, this.#window, (slot, cfa) => this.#isCaller(slot, cfa, callee))
    return scanned && toDeparture(scanned, 'scan')
  }

  /**
   * Whether the call before a return address leads to other code for certain than to the frame that `callee` is in,
   * whose function begins at `entry`: then that word was written over, whatever told that it is there.
   */
  isRefuted(returnPc: Address, entry: Address, callee: CodePlace): boolean {
    const target = this.#targets.of(returnPc, () => callTarget(this.#memory, returnPc))
    if (target === undefined || target === entry) return false
    return this.#callees.callLeadsTo(returnPc, callee) === false
  }

  /**
   * Out of a module whose file is gone: rbp may still be that of the function that called into it, which would be
   * jumped over. Its own return address is below rbp's frame: the outermost one behind a call of that module, for what
   * is further in may be left over.
   */
  #findCallOfUnread({registers, pc}: Callee): Pick<AppliedRow, 'cfa' | 'caller'> | undefined {
    const bp = registers.bp ?? NULL_ADDRESS
    let outermost: Address | undefined
    scanForCaller(registers, this.#window, (returnPc, cfa) => {
      if (cfa <= bp && this.#code.callsUnread(returnPc, pc)) outermost = cfa
      return cfa > bp
    })
    return scanForCaller(registers, this.#window, (_, cfa) => cfa === outermost)
  }

  #findByReturn(callee: Callee): Found | undefined {
    for (const row of this.#rowsAt(callee.pc)) {
      const applied = applyRow(row, callee.registers, this.#memory)
      if (!applied || !this.#isCaller(applied.caller.pc, applied.cfa, callee)) continue
      return {...applied, byFramePointer: row.cfa.kind === 'register' && row.cfa.register === DWARF_REGISTER.rbp}
    }
    return undefined
  }

  /**
   * The return address of a direct call whose target leads to the callee with as much on the stack as lies between the
   * two.
   */
  #findByEntry(callee: Callee): Found | undefined {
    let found: AppliedRow | undefined
    scanForCaller(callee.registers, this.#window, (returnPc, cfa) => {
      found = this.#code.isReturnAddress(returnPc, cfa) === true ? this.#entered(cfa, returnPc, callee) : undefined
      return found !== undefined
    })
    return found && {...found, byFramePointer: false}
  }

  #entered(cfa: Address, returnPc: Address | undefined, callee: Callee): AppliedRow | undefined {
    const entry = returnPc === undefined ? undefined : directCallTarget(this.#memory, returnPc)
    if (entry === undefined) return undefined
    for (const row of this.#rowsFrom(entry, callee)) {
      const applied = applyRow(row, callee.registers, this.#memory)
      if (applied?.cfa === cfa) return applied
    }
    return undefined
  }

  /** A call ends there, and nothing says that it called something else. */
  #isCaller(returnPc: Address | undefined, cfa: Address, callee: Callee): boolean {
    if (returnPc === undefined || this.#code.isReturnAddress(returnPc, cfa) !== true) return false
    return this.#mayCall(returnPc, callee)
  }

  #mayCall(returnPc: Address | undefined, callee: Callee): boolean {
    return returnPc !== undefined && this.#callees.callLeadsTo(returnPc, callee) !== false
  }

  #rowsAt(pc: Address): readonly UnwindRow[] {
    return this.#cachedRows(`${pc}`, () => walkToReturns(pc, at => this.#decodeCode(at)))
  }

  #rowsFrom(entry: Address, {pc, exactPc}: Callee): readonly UnwindRow[] {
    const walk = () => walkFromEntry(entry, {pc, exactPc}, this.#memory, at => this.#decodeCode(at))
    return this.#cachedRows(`${entry} ${pc} ${exactPc}`, walk)
  }

  #cachedRows(key: string, walk: () => Iterable<UnwindRow>): readonly UnwindRow[] {
    let rows = this.#rows.get(key)
    if (!rows) {
      rows = [...walk()]
      if (this.#rows.size >= ROW_CACHE_LIMIT) this.#rows.clear()
      this.#rows.set(key, rows)
    }
    return rows
  }

  #decodeCode(at: Address): DecodedInstruction | undefined {
    const known = this.#instructions.get(at)
    if (known || this.#budget <= 0 || !this.#code.isCode(at, true)) return known
    this.#budget--
    const instruction = decodeInstruction(this.#disassembler, at)
    if (this.#instructions.size >= INSTRUCTION_CACHE_LIMIT) this.#instructions.clear()
    if (instruction) this.#instructions.set(at, instruction)
    return instruction
  }

  /**
   * A call through a null or wild pointer: the fault is at the target, the return address was just pushed. Or a return
   * into a library that was unloaded meanwhile: what had called it is further up, and nothing tells how far.
   */
  #leaveWildPc(position: Position, pc: Address): Departure {
    const {registers, exactPc} = position
    const applied = applyRow(JUST_CALLED_ROW, registers, this.#memory)
    const returnPc = applied?.caller.pc
    if (applied && returnPc !== undefined && this.#code.isReturnAddress(returnPc, applied.cfa, pc) !== false) {
      return toDeparture(applied, 'scan')
    }
    const isCaller = (slot: Address, cfa: Address) => this.#isCaller(slot, cfa, {registers, pc, exactPc})
    const scanned = this.#code.isAmongModules(pc) ? scanForCaller(registers, this.#window, isCaller) : undefined
    return scanned ? toDeparture(scanned, 'scan') : {cfa: undefined, next: 'unmapped'}
  }
}

/** Whether rbp says the same, used by the code that was followed or not. */
function isFramedBy(bp: Address | undefined, {cfa, byFramePointer}: Found): boolean {
  return byFramePointer || (bp !== undefined && bp + 16 === cfa)
}

function toDeparture(found: Pick<AppliedRow, 'cfa' | 'caller'>, foundBy: FoundBy): Departure {
  return {cfa: found.cfa, next: {registers: found.caller, foundBy, exactPc: false}}
}

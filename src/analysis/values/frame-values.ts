import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {readSavedVectors, vectorOfDwarf} from '../../amd64/vector-registers.ts'
import {hex, type Word} from '../../base/address.ts'
import type {Deadline} from '../../base/deadline.ts'
import {GotraceError} from '../../base/errors.ts'
import {DW_ATE} from '../../dwarf/constants.ts'
import type {DataType, DynamicBound} from '../../dwarf/data-type.ts'
import {evaluateLocation, evaluateWord, type Piece, registerOfExpression} from '../../dwarf/location.ts'
import {findExpression, isLocationList, type LocationAttribute, someExpression} from '../../dwarf/location-list.ts'
import {type ConstantValue, readVariableAt, type ScopeVariable} from '../../dwarf/scope-variables.ts'
import {typeName} from '../../dwarf/type-name.ts'
import type {DieReference} from '../../dwarf/unit.ts'
import type {FrameReport, VariableReport} from '../../report/core-report.ts'
import type {Goroutine, StackBounds} from '../../runtime-model/goroutine.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {FrameOrigin} from '../process/frame-origins.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'
import {FrameContext, type FrameSurroundings} from './frame-context.ts'
import {readGoArguments} from './go-arguments.ts'
import type {ValueLimits} from './limits.ts'
import {BytesStorage, type Storage, storageOf, View} from './storage.ts'
import {ThreadLocalBlocks} from './thread-local-blocks.ts'
import {isMissing, missingValue, type Value} from './value.ts'
import type {Reading} from './value-reader.ts'
import {Values} from './values.ts'

/** Which variables of a frame are read. */
export type ValueChoice = 'args' | 'all'

export interface ValueOptions {
  readonly choice: ValueChoice
  readonly limits: ValueLimits
}

/** The thread that a stack is on, where one is. */
export interface StackThread {
  readonly tid: number
  readonly goroutine: Goroutine | undefined
  /** Those that its M has beside the goroutine's. */
  readonly systemStacks: readonly StackBounds[]
  readonly registers: BigUint64Array
  readonly frames: readonly UnwindFrame[]
  /** The vector registers as they were in a frame of it; undefined where they are not known. */
  vectorsIn(frame: Pick<UnwindFrame, 'pc' | 'sp'>): Uint8Array | undefined
}

/** Reads the variables of frames that were reported. */
export class FrameValues {
  readonly #process: DeadProcess
  readonly #options: ValueOptions
  readonly #values: Values
  readonly #deadline: Deadline
  readonly #blocks: ThreadLocalBlocks

  constructor(process: DeadProcess, options: ValueOptions) {
    this.#process = process
    this.#options = options
    this.#values = new Values(process, options.limits)
    this.#deadline = process.deadline
    this.#blocks = new ThreadLocalBlocks(process)
  }

  /**
   * The frames of one stack, innermost first, with their variables.
   * @param gaps counts of frames before which others are missing
   */
  describe(
    frames: readonly FrameReport[],
    gaps: ReadonlySet<number>,
    thread: StackThread | undefined,
    goroutine: Goroutine | undefined = thread?.goroutine,
  ): FrameReport[] {
    const contexts = new StackContexts(this.#process, this.#blocks, frames, gaps, thread)
    const others = thread?.systemStacks ?? []
    this.#values.useStacks({thread: thread?.tid, stacks: goroutine ? [goroutine.stack, ...others] : []})
    return frames.map((frame, index) => {
      if (this.#deadline.isOver('the variables of frames')) return {...frame, variables: null}
      return {...frame, variables: this.#variables(frame, contexts.of(index)) ?? this.#withoutDwarf(frame)}
    })
  }

  #withoutDwarf(frame: FrameReport): VariableReport[] | null {
    const origin = frame.kind === 'go' ? this.#process.origins?.of(frame) : undefined
    return origin?.isGo ? readGoArguments(this.#process, origin, this.#values.environment) : null
  }

  #variables(frame: FrameReport, context: FrameContext | undefined): VariableReport[] | null {
    const scope = context?.scopes.scopes[scopeIndex(context)]
    if (!context || !scope) return null
    if (context.origin.isGo) this.#values.useDictionary(dictionaryOf(context))
    const wanted = scope.variables.filter(variable => this.#isWanted(variable, frame, context))
    const found = wanted.map(variable => this.#report(variable, context))
    return context.origin.isGo ? joinMoved(found, wanted) : found
  }

  #isWanted({kind, line, name, closureOffset}: ScopeVariable, frame: FrameReport, {origin}: FrameContext): boolean {
    if (kind === 'local' && this.#options.choice === 'args') return false
    if (name === undefined) return false
    if (!origin.isGo) return true
    // Before its declaration a variable of Go is not there yet, whatever its place holds. One that was captured is.
    const isBegun = kind === 'argument' || line === 0 || frame.line === null || frame.line > line
    // The compiler's own, and the parts that it has split a variable into, have names that no source can have.
    return (isBegun || closureOffset !== undefined) && !name.includes('.')
  }

  #report(variable: ScopeVariable, context: FrameContext): VariableReport {
    const {name, kind} = variable
    const type = context.dwarf.types.at(variable.type)
    const own = this.#values.nameOf(name, type)
    const none = {
      name: own.name ?? null,
      kind,
      type: own.type ? typeName(own.type) : null,
      address: null,
      register: null,
    }
    try {
      const {storage, pieces} = locate(variable, context, type)
      if (isMissing(storage)) return {...none, ...this.#withoutStorage(storage, pieces, context)}
      const counts = type && countsOf(type.bare, context)
      const read = this.#values.readVariable(name, type, new View(storage), context.dwarf, counts)
      const {text, structured, state} = read.value
      const at = read.address ?? storage.addressOf(0)
      return {
        ...none,
        name: read.name ?? null,
        type: read.type ? typeName(read.type) : null,
        value: text,
        structured,
        address: at === undefined ? null : hex(at),
        register: registerOf(pieces),
        state,
      }
    } catch (error) {
      if (!(error instanceof GotraceError)) throw error
      const {text, structured, state} = missingValue('unreadable')
      return {...none, value: text, structured, state}
    }
  }

  #withoutStorage(
    why: Parameters<typeof missingValue>[0],
    pieces: readonly Piece[],
    context: FrameContext,
  ): Pick<VariableReport, 'value' | 'structured' | 'state' | 'register'> {
    const value = this.#implicitPointer(pieces, context) ?? missingValue(why)
    return {value: value.text, structured: value.structured, state: value.state, register: registerOf(pieces)}
  }

  /** A pointer that was optimized away, to a variable that was not. */
  #implicitPointer(pieces: readonly Piece[], context: FrameContext): Value | undefined {
    const [piece] = pieces
    const place = piece?.place
    if (place?.kind !== 'implicit-pointer' || piece?.bits !== undefined || place.offset !== 0) return undefined
    const target = readVariableAt(place.target)
    const type = target && context.dwarf.types.at(target.type)
    if (!target || !type) return undefined
    const {storage} = locate(target, context)
    if (isMissing(storage)) return undefined
    const {value} = this.#values.readVariable(target.name, type, new View(storage), context.dwarf)
    return {...value, text: `&(${value.text})`, structured: {pointsTo: value.structured}}
  }
}

/** A parameter or result that moved to the heap is described twice: `x`, which is nowhere, and `&x`, where it is. */
function joinMoved(reports: readonly VariableReport[], variables: readonly ScopeVariable[]): VariableReport[] {
  const moved = new Map<string, VariableReport>()
  variables.forEach(({name}, index) => {
    const report = reports[index]
    if (name?.startsWith('&') && report) moved.set(name.slice(1), report)
  })
  const taken = new Set<VariableReport>()
  const joined = reports.map((report, index) => {
    const there = variables[index]?.kind === 'argument' ? moved.get(variables[index]?.name ?? '') : undefined
    if (!there || report.state !== 'optimized-out') return report
    taken.add(there)
    return {...there, kind: report.kind}
  })
  return joined.filter((_, index) => !taken.has(reports[index] as VariableReport))
}

/** More elements no array of a stack has. */
const COUNT_MAX = 2n ** 32n

/** The elements of an array whose length is a value of the function; undefined for all other types. */
function countsOf(type: DataType, context: FrameContext): Reading['counts'] {
  if (type.kind !== 'array' || type.dimensions.every(count => count !== undefined)) return undefined
  const bounds = type.dynamicBounds
  const dimensions = type.dimensions.map((count, index) => count ?? boundOf(bounds[index], context))
  return {type, dimensions}
}

function boundOf(bound: DynamicBound | undefined, context: FrameContext): number | undefined {
  if (!bound) return undefined
  const word = 'expression' in bound ? evaluateWord(bound.expression, context) : numberAt(bound.variable, context)
  if (word === undefined) return undefined
  const count = BigInt.asIntN(64, word) + (bound.isUpper ? 1n : 0n)
  return count >= 0n && count < COUNT_MAX ? Number(count) : undefined
}

function numberAt(reference: DieReference, context: FrameContext): Word | undefined {
  const variable = readVariableAt(reference)
  const size = variable && context.dwarf.types.at(variable.type)?.size
  const {storage} = variable ? locate(variable, context) : {storage: 'unreadable' as const}
  const word = isMissing(storage) || size === undefined ? undefined : new View(storage).unsigned(Math.min(size, 8))
  return typeof word === 'bigint' ? word : undefined
}

/** What the hidden parameter holds that tells a generic function its types. */
function dictionaryOf(context: FrameContext): Word | undefined {
  const variable = context.scopes.scopes.flatMap(({variables}) => variables).find(({name}) => name === '.dict')
  if (!variable) return undefined
  try {
    const {storage} = locate(variable, context)
    const word = isMissing(storage) ? storage : new View(storage).unsigned()
    return typeof word === 'bigint' ? word : undefined
  } catch (error) {
    if (error instanceof GotraceError) return undefined
    throw error
  }
}

interface Located {
  readonly storage: Storage | Parameters<typeof missingValue>[0]
  readonly pieces: readonly Piece[]
}

function locate({location, constant}: ScopeVariable, context: FrameContext, type?: DataType): Located {
  if (!location && constant) return {storage: constantStorage(constant), pieces: []}
  const expression = location && findExpression(location, context.linkAddress)
  const pieces = evaluateLocation(expression, context)
  const isCut = location && type && isLocationList(location) && isPartOfGo(pieces, type, location)
  return {storage: isCut ? 'optimized-out' : storageOf(pieces, context), pieces}
}

/**
 * Whether a place that seems to be all of a variable is that of one word of it. Go's compiler describes the parts that
 * it has kept; of one alone it does not say that it is a part, nor which (cmd/compile/internal/ssa/debug.go,
 * writePendingEntry: DW_OP_piece for several slots alone). It is one where it was in a register anywhere.
 */
function isPartOfGo([piece, ...others]: readonly Piece[], type: DataType, location: LocationAttribute): boolean {
  if (location.unit.language !== 'go' || !piece || piece.bits !== undefined || others.length > 0) return false
  const {kind} = piece.place
  if ((kind !== 'memory' && kind !== 'register') || (type.size ?? 0) <= WORD_SIZE) return false
  const isComplex = type.bare.encoding === DW_ATE.complex_float
  return someExpression(location, expression => {
    const register = registerOfExpression(expression)
    return register !== undefined && (isComplex || vectorOfDwarf(register) === undefined)
  })
}

const WORD_SIZE = 8

function constantStorage(constant: ConstantValue): Storage {
  return 'bytes' in constant
    ? new BytesStorage(constant.bytes)
    : BytesStorage.ofWord(BigInt.asUintN(128, constant.word), 16)
}

const REGISTER_NAMES = new Map<number, string>(
  Object.entries(DWARF_REGISTER).map(([name, number]) => [number, name] as const),
)

function registerOf([piece, ...others]: readonly Piece[]): string | null {
  if (piece?.place.kind !== 'register' || others.length > 0) return null
  const {register} = piece.place
  const vector = vectorOfDwarf(register)
  return REGISTER_NAMES.get(register) ?? (vector === undefined ? null : `xmm${vector}`)
}

/** Both lists run from the innermost call out; where their lengths differ, the function itself is the last of both. */
function scopeIndex({origin, scopes}: FrameContext): number {
  const fromOuter = origin.count - 1 - origin.index
  const index = scopes.scopes.length - 1 - fromOuter
  return scopes.scopes.length === origin.count || origin.index === origin.count - 1 ? index : -1
}

/** The frames of one stack as their variables are read, each made once, with the one that called it. */
class StackContexts {
  readonly #process: DeadProcess
  readonly #blocks: ThreadLocalBlocks
  readonly #frames: readonly FrameReport[]
  readonly #gaps: ReadonlySet<number>
  readonly #thread: StackThread | undefined
  readonly #contexts = new Map<number, FrameContext | undefined>()

  constructor(
    process: DeadProcess,
    blocks: ThreadLocalBlocks,
    frames: readonly FrameReport[],
    gaps: ReadonlySet<number>,
    thread: StackThread | undefined,
  ) {
    this.#process = process
    this.#blocks = blocks
    this.#frames = frames
    this.#gaps = gaps
    this.#thread = thread
    // From the outermost in: a frame's context holds its caller's.
    for (let index = frames.length - 1; index >= 0; index--) this.#contexts.set(index, this.#make(index))
  }

  of(index: number): FrameContext | undefined {
    return this.#contexts.get(index)
  }

  #make(index: number): FrameContext | undefined {
    const origin = this.#originOf(index)
    if (!origin) return undefined
    const around: FrameSurroundings = {
      caller: this.#callerOf(index, origin),
      blocks: this.#blocks,
      thread: this.#thread?.registers,
      vectors: () => this.#thread?.vectorsIn(origin),
    }
    try {
      return FrameContext.of(this.#process, origin, around)
    } catch (error) {
      if (!(error instanceof GotraceError)) throw error
      this.#process.diagnostics.addError('dwarf-unit', error)
      return undefined
    }
  }

  /** With the registers of the thread, where the stack begins with Go code that the thread was running. */
  #originOf(index: number): FrameOrigin | undefined {
    const frame = this.#frames[index]
    const origin = frame && this.#process.origins?.of(frame)
    if (!origin?.isGo || origin.registers) return origin
    const walked = this.#thread?.frames.find(({sp, pc, kind}) => kind === 'go' && sp === origin.sp && pc === origin.pc)
    return walked ? {...origin, registers: walked.registers} : origin
  }

  #callerOf(index: number, origin: FrameOrigin): FrameContext | undefined {
    for (let outer = index + 1; outer < this.#frames.length; outer++) {
      if (this.#gaps.has(outer)) return undefined
      const frame = this.#frames[outer]
      const next = frame && this.#process.origins?.of(frame)
      if (!next) return undefined
      if (next.sp !== origin.sp || next.pc !== origin.pc) return this.#contexts.get(outer)
    }
    return undefined
  }
}

/** What of a thread's stack its variables are read by. */
export function threadOf({memory, runtime}: DeadProcess, stack: ThreadStack): StackThread {
  const {thread, frames, interruptions, machine} = stack
  const system = machine ? [machine.g0, machine.gsignal] : []
  return {
    tid: thread.tid,
    goroutine: stack.goroutine,
    systemStacks: system.flatMap(g => runtime?.goroutineAt(g)?.stack ?? []),
    registers: thread.registers,
    frames,
    // Only the innermost frame has those of the processor, and each that a signal interrupted has its own.
    vectorsIn({pc, sp}) {
      const index = frames.findIndex(frame => frame.pc === pc && frame.sp === sp)
      const interruption = interruptions.find(each => each.index === index)
      if (interruption) return interruption.signal && readSavedVectors(memory, interruption.signal.ucontext)
      return index === 0 ? thread.readVectors?.() : undefined
    },
  }
}

/** Where frames are missing in a stack, as counts of the frames before. */
export function gapsOf(
  elided: {readonly after: number} | null,
  missing: readonly {readonly after: number}[],
): ReadonlySet<number> {
  const gaps = new Set(missing.map(({after}) => after))
  if (elided) gaps.add(elided.after)
  return gaps
}

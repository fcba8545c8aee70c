import {type Address, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Extent} from '../base/extent.ts'
import {type MemoryReader, readU32} from '../base/memory-reader.ts'
import {SameStack} from '../base/same-stack.ts'
import {
  type ArgLiveness,
  type ArgTemplate,
  makeArgTemplate,
  makeWordTemplate,
  readArgLiveness,
  readArgProgram,
  renderArgs,
} from './arg-info.ts'
import {type FuncID, funcIDOf} from './func-id.ts'
import {isUserVisible} from './func-name.ts'
import {argumentWords, type GoArgument, parseArguments, readPointerWords} from './go-argument.ts'
import {type InlinedCall, readInlinedCall} from './inline-tree.ts'
import {NO_VALUE, PcValueTable} from './pc-value.ts'
import type {Pclntab} from './pclntab.ts'
import type {FuncLayout} from './pclntab-layout.ts'
import type {GoVersion} from './version.ts'

/** Bits of `_func.flag` (internal/abi/symtab.go, 1.17+). */
const FUNC_FLAG = {TOPFRAME: 1, SPWRITE: 2, ASM: 4} as const

export interface FileLine {
  /** As the tables have it; `?` where they say nothing. */
  file: string
  /** 0 where the tables say nothing. */
  line: number
}

/** All pcs of one `stack` have the same frames, but for the position of the innermost one, which this is. */
export interface GoPlace extends FileLine {
  readonly stack: SameStack
}

/** One function call as the source has it: an inlined one, or the physical function itself. */
export interface LogicalFrame extends FileLine {
  /** As the runtime reads it: '' for the first name of the table (1.16+). */
  name: string
  /** As the linker wrote it. */
  linkedName: string
  funcID: FuncID
  inlined: boolean
  /** By its name alone, at the default level. */
  isUserVisible: boolean
  /** Where it stands: the pc asked for, or for a caller of inlined code the pc of that call; undefined in 1.9–1.11. */
  pc: Address | undefined
  /** Line of the `func` keyword; undefined before 1.20. */
  startLine: number | undefined
}

type Position = FileLine & {pc: Address | undefined}

/** `_func` fixed fields. */
interface FuncRecord {
  address: Address
  nameOff: number
  args: number
  pcsp: number
  pcfile: number
  pcln: number
  npcdata: number
  cuOffset: number
  startLine: number | undefined
  funcID: number
  flag: number
  nfuncdata: number
}

/** The deepest nesting of inlined calls followed: the inliner's budget stops far earlier. */
const INLINE_LIMIT = 512
const PCDATA_LIMIT = 64
/** As many words as a traceback up to 1.16 prints. */
const OLD_WORDS_MAX = 10
/** pcs with kept frames, per function. */
const FRAME_CACHE_LIMIT = 4096
const NO_ARGUMENTS: ArgTemplate = {values: [], after: ''}

/** A physical Go function. Its tables are read at first use and kept; what they do not tell is undefined or `?`. */
export class GoFunction {
  readonly entry: Address
  /** Entry of the next function: padding belongs to the function before it. */
  readonly end: Address
  readonly version: GoVersion
  readonly #pclntab: Pclntab
  readonly #record: FuncRecord
  readonly #tables = new Map<number, PcValueTable>()
  readonly #frames = new Map<number, readonly LogicalFrame[]>()
  /** By number of PCDATA. */
  readonly #pcdata: (PcValueTable | undefined)[] = []
  /** By the innermost inlined call. */
  #stacks: Map<number, SameStack> | undefined
  #argTemplates: Map<number, ArgTemplate> | undefined
  #name: string | undefined
  #funcID: FuncID | undefined
  #argProgram: Uint8Array | null | 'missing' | undefined

  private constructor(pclntab: Pclntab, record: FuncRecord, entry: Address, end: Address, version: GoVersion) {
    this.#pclntab = pclntab
    this.#record = record
    this.entry = entry
    this.end = end
    this.version = version
  }

  /** Function `index` of a module; undefined where its record cannot be read. */
  static at(pclntab: Pclntab, index: number, version: GoVersion): GoFunction | undefined {
    const address = pclntab.recordAt(index)
    const entry = pclntab.entryAt(index)
    const end = pclntab.entryAt(index + 1)
    if (address === undefined || entry === undefined || end === undefined) return undefined
    const layout = pclntab.places.release.func
    const bytes = pclntab.memory.read(address, layout.pcdata)
    return bytes && new GoFunction(pclntab, parseRecord(bytes, address, layout), entry, end, version)
  }

  /** As the tables have it (`runtime.gopanic`, `main.F[go.shape.int]`); `nameForTraceback` makes what Go prints. */
  get name(): string {
    this.#name ??= this.#pclntab.name(this.#record.nameOff)
    return this.#name
  }

  get funcID(): FuncID {
    this.#funcID ??= funcIDOf(this.name, this.#record.funcID, this.version)
    return this.#funcID
  }

  /** FUNC_FLAG bits; 0 before 1.17. */
  get flag(): number {
    return this.#record.flag
  }

  get startLine(): number | undefined {
    return this.#record.startLine
  }

  /**
   * Whether a walk ends here (runtime, topofstack; the TOPFRAME flag from 1.17 on). `systemStack`: asmcgocall ends a g0
   * stack, and switches back on a goroutine's.
   */
  isTopOfStack(systemStack: boolean): boolean {
    if (this.version.atLeast(17)) return this.flag % 2 === FUNC_FLAG.TOPFRAME
    switch (this.funcID) {
      case 'goexit':
      case 'mstart':
      case 'mcall':
      case 'morestack':
      case 'rt0_go':
      case 'externalthreadhandler':
        return true
      case 'asmcgocall':
        return systemStack
      default:
        return false
    }
  }

  /**
   * Whether it changes SP in ways that pcsp does not say. cgocallback does too, but its frame is valid on both stacks.
   */
  get writesSp(): boolean {
    return Math.floor(this.flag / FUNC_FLAG.SPWRITE) % 2 === 1 && this.funcID !== 'cgocallback'
  }

  /** Whether this is a compiler-made wrapper: by number from 1.12 on, by its file in 1.10 and 1.11. */
  get isWrapper(): boolean {
    if (this.version.atLeast(12)) return this.funcID === 'wrapper'
    return this.version.atLeast(10) && this.fileLine(this.entry).file === '<autogenerated>'
  }

  /** SP moved by the function at `pc`: CFA = sp + delta + 8. undefined where the table has no value. */
  spDelta(pc: Address): number | undefined {
    const delta = this.#valueAt(this.#record.pcsp, pc)
    return delta === NO_VALUE ? undefined : delta
  }

  /** Position of the instruction at `pc`, in the innermost inlined call (runtime, funcline1). */
  fileLine(pc: Address, extent?: Extent): FileLine {
    const number = this.#valueAt(this.#record.pcfile, pc, extent)
    const line = this.#valueAt(this.#record.pcln, pc, extent)
    if (number === NO_VALUE || line === NO_VALUE) return {file: '?', line: 0}
    const file = this.#pclntab.file(this.#record.cuOffset, number)
    return file === undefined ? {file: '?', line: 0} : {file, line}
  }

  /** The calls at `lookupPc`, innermost inlined one first; the last is the physical function. */
  inlineFrames(lookupPc: Address): readonly LogicalFrame[] {
    let frames = this.#frames.get(lookupPc)
    if (!frames) {
      if (this.#frames.size >= FRAME_CACHE_LIMIT) this.#frames.clear()
      frames = this.#expand(lookupPc)
      this.#frames.set(lookupPc, frames)
    }
    return frames
  }

  /** What `inlineFrames` says of a pc of this function, without the names. */
  placeAt(pc: Address, extent: Extent): GoPlace {
    extent.narrow(this.entry, this.end)
    const index = this.#pcdataAt(this.#pclntab.places.release.indices.pcdataInlTree, pc, extent)
    this.#stacks ??= new Map()
    let stack = this.#stacks.get(index)
    if (!stack) {
      stack = new SameStack()
      this.#stacks.set(index, stack)
    }
    const {file, line} = this.fileLine(pc, extent)
    return {stack, file, line}
  }

  /**
   * The arguments of a frame as the release prints them, without the parentheses.
   * `lookupPc`: where liveness is looked up; `cfa`: where the caller's frame, and so the argument area, starts.
   */
  argText(lookupPc: Address, cfa: Address, memory: MemoryReader): string {
    return renderArgs(this.argTemplate(lookupPc), cfa, memory)
  }

  /** What `argText` has around the values. */
  argTemplate(lookupPc: Address): ArgTemplate {
    this.#argTemplates ??= new Map()
    let template = this.#argTemplates.get(lookupPc)
    if (!template) {
      template = this.#makeArgTemplate(lookupPc)
      if (this.#argTemplates.size >= FRAME_CACHE_LIMIT) this.#argTemplates.clear()
      this.#argTemplates.set(lookupPc, template)
    }
    return template
  }

  /**
   * The arguments of a frame as far as the tables describe them; up to 1.16 the words of arguments and results.
   * undefined: nothing describes them. `lookupPc` as for `argText`.
   */
  argumentsAt(lookupPc: Address): readonly GoArgument[] | undefined {
    const {indices} = this.#pclntab.places.release
    const maps = this.#funcdata(indices.funcdataArgMaps)
    const pointers = maps === undefined ? new Set<number>() : readPointerWords(this.#pclntab.memory, maps)
    if (!this.version.atLeast(17)) {
      return this.#record.args < 0 ? undefined : argumentWords(this.#record.args, pointers, OLD_WORDS_MAX)
    }
    const program = this.#readArgProgram()
    if (program === 'missing') return undefined
    if (!program) return this.isAssembly ? undefined : []
    return parseArguments(program, this.#argLiveness(lookupPc), pointers)
  }

  /** Whether the function has moved SP to its own frame there, after which it puts its arguments in their places. */
  hasFrameAt(pc: Address): boolean {
    return (this.spDelta(pc) ?? 0) > (this.spDelta(this.entry) ?? 0)
  }

  /** Written in assembly: its arguments are where the caller put them. */
  get isAssembly(): boolean {
    return Math.floor(this.flag / FUNC_FLAG.ASM) % 2 === 1
  }

  #makeArgTemplate(lookupPc: Address): ArgTemplate {
    if (!this.version.atLeast(17)) return makeWordTemplate(this.#record.args)
    const program = this.#readArgProgram()
    if (program === 'missing') return {values: [], after: '...'}
    return program ? makeArgTemplate(program, this.#argLiveness(lookupPc)) : NO_ARGUMENTS
  }

  /**
   * null: the function has none, and so no arguments are printed. missing: it has one, in memory that is not at hand.
   */
  #readArgProgram(): Uint8Array | null | 'missing' {
    if (this.#argProgram === undefined) {
      const address = this.#funcdata(this.#pclntab.places.release.indices.funcdataArgInfo)
      this.#argProgram = address === undefined ? null : (readArgProgram(this.#pclntab.memory, address) ?? 'missing')
    }
    return this.#argProgram
  }

  #argLiveness(lookupPc: Address): ArgLiveness | undefined {
    const {indices} = this.#pclntab.places.release
    const info = this.#funcdata(indices.funcdataArgLive)
    if (info === undefined) return undefined
    return readArgLiveness(this.#pclntab.memory, info, this.#pcdataAt(indices.pcdataArgLive, lookupPc))
  }

  #expand(lookupPc: Address): LogicalFrame[] {
    const {indices, inline} = this.#pclntab.places.release
    const frames: LogicalFrame[] = []
    const tree = this.#funcdata(indices.funcdataInlTree)
    let position = this.#positionAt(lookupPc)
    if (tree !== undefined && inline) {
      let index = this.#pcdataAt(indices.pcdataInlTree, lookupPc)
      while (index >= 0 && frames.length < INLINE_LIMIT) {
        const call = readInlinedCall(this.#pclntab.memory, tree, index, inline)
        if (!call) break
        frames.push(this.#inlinedFrame(call, position))
        ;({index, position} = this.#callerOf(call, indices.pcdataInlTree))
      }
    }
    frames.push({
      name: this.name,
      linkedName: this.name || this.#pclntab.linkedName(this.#record.nameOff),
      file: position.file,
      line: position.line,
      pc: position.pc,
      funcID: this.funcID,
      inlined: false,
      isUserVisible: isUserVisible(this.name, this.version),
      startLine: this.startLine,
    })
    return frames
  }

  #positionAt(pc: Address): Position {
    const {file, line} = this.fileLine(pc)
    return {file, line, pc}
  }

  #inlinedFrame(call: InlinedCall, {file, line, pc}: Position): LogicalFrame {
    const name = this.#pclntab.name(call.nameOff)
    const funcID = funcIDOf(name, call.funcID, this.version)
    return {
      name,
      linkedName: name || this.#pclntab.linkedName(call.nameOff),
      file,
      line,
      pc,
      funcID,
      inlined: true,
      isUserVisible: isUserVisible(name, this.version),
      startLine: call.startLine,
    }
  }

  /** Where an inlined call stands: 1.12+ at a pc of the function; 1.9–1.11 the entry itself says file and line. */
  #callerOf(call: InlinedCall, table: number | undefined): {index: number; position: Position} {
    if (call.parentPc !== undefined) {
      const pc = toAddress(this.entry + Math.max(call.parentPc, 0))
      return {index: this.#pcdataAt(table, pc), position: this.#positionAt(pc)}
    }
    const file = call.file === undefined ? undefined : this.#pclntab.file(0, call.file)
    return {index: call.parent ?? NO_VALUE, position: {file: file ?? '?', line: call.line ?? 0, pc: undefined}}
  }

  #funcdata(index: number | undefined): Address | undefined {
    if (index === undefined || index >= this.#record.nfuncdata) return undefined
    return this.#pclntab.funcdata(this.#record.address, this.#record.npcdata, index)
  }

  #pcdataAt(index: number | undefined, pc: Address, extent?: Extent): number {
    if (index === undefined || index >= this.#record.npcdata) return NO_VALUE
    this.#pcdata[index] ??= this.#pcdataTable(index)
    return this.#pcdata[index].valueAt(pc - this.entry, extent, this.entry)
  }

  #pcdataTable(index: number): PcValueTable {
    const {func} = this.#pclntab.places.release
    const offset = readU32(this.#pclntab.memory, toAddress(this.#record.address + func.pcdata + index * 4))
    return offset === undefined ? PcValueTable.EMPTY : this.#tableAt(offset)
  }

  #valueAt(offset: number, pc: Address, extent?: Extent): number {
    return this.#tableAt(offset).valueAt(pc - this.entry, extent, this.entry)
  }

  /** Tables are kept by offset: one function may have the same for several purposes. */
  #tableAt(offset: number): PcValueTable {
    let table = this.#tables.get(offset)
    if (!table) {
      table = this.#pclntab.pcValues(offset, this.end - this.entry) ?? PcValueTable.EMPTY
      this.#tables.set(offset, table)
    }
    return table
  }
}

function parseRecord(bytes: Uint8Array, address: Address, layout: FuncLayout): FuncRecord {
  const cursor = new Cursor(bytes, '_func', address)
  const i32 = (at: number): number => {
    cursor.seek(at)
    return cursor.i32()
  }
  const u32 = (at: number | undefined): number => {
    if (at === undefined) return 0
    cursor.seek(at)
    return cursor.u32()
  }
  const field = (place: {at: number; size: 1 | 4}): number =>
    place.size === 1 ? (bytes[place.at] ?? 0) : u32(place.at)
  return {
    address,
    nameOff: i32(layout.nameOff),
    args: i32(layout.args),
    pcsp: u32(layout.pcsp),
    pcfile: u32(layout.pcfile),
    pcln: u32(layout.pcln),
    npcdata: Math.min(u32(layout.npcdata), PCDATA_LIMIT),
    cuOffset: u32(layout.cuOffset),
    startLine: layout.startLine === undefined ? undefined : i32(layout.startLine),
    funcID: layout.funcID ? field(layout.funcID) : 0,
    flag: layout.flag === undefined ? 0 : (bytes[layout.flag] ?? 0),
    nfuncdata: Math.min(field(layout.nfuncdata), PCDATA_LIMIT),
  }
}

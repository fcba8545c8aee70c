import {directCallTarget} from '../../amd64/call-encoding.ts'
import {wordOfPlace} from '../../amd64/register-set.ts'
import {DWARF_REGISTER} from '../../amd64/registers.ts'
import {type Address, addressOfWord, hex, NOWHERE, NULL_ADDRESS, type Word} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {FoundBy} from '../../report/vocabulary.ts'
import {STUB_SUFFIX} from '../../symbolize/plt-stubs.ts'
import type {SourceFrame} from '../../symbolize/source-frame.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {HookFrame} from '../process/cgo-hooks.ts'
import {type DeadProcess, isNamelessImage} from '../process/dead-process.ts'

type NativeFrame = Pick<UnwindFrame, 'pc' | 'lookupPc' | 'sp' | 'cfa' | 'foundBy' | 'kind'> &
  Partial<Pick<UnwindFrame, 'registers'>>

/** The source frames of one physical C frame, innermost inline first. */
export function reportNativeFrame(process: DeadProcess, frame: NativeFrame): FrameReport[] {
  const reports = reportSources(process, frame)
  noteOrigins(process, frame, reports)
  return reports
}

/** A frame that was left by a tail call, or guessed, has nothing that its variables could be read by. */
function noteOrigins({origins}: DeadProcess, frame: NativeFrame, reports: readonly FrameReport[]): void {
  const {pc, lookupPc, sp, cfa, registers, kind, foundBy} = frame
  if (!origins || !registers || kind === 'signal' || foundBy === 'tail-call' || foundBy === 'scan') return
  const place = {pc, lookupPc, sp, cfa, registers, isGo: kind === 'go', count: reports.length}
  for (const [index, report] of reports.entries()) origins.note(report, {...place, index})
}

function reportSources(process: DeadProcess, frame: NativeFrame): FrameReport[] {
  const {pc, lookupPc, sp, cfa, foundBy, kind, registers} = frame
  const pcText = pc === NOWHERE ? hex(wordOfPlace(pc, registers, DWARF_REGISTER.rip)) : undefined
  const spWord = wordOfPlace(sp, registers, DWARF_REGISTER.rsp)
  const spText = spWord === NOWHERE ? null : hexOfPlace(spWord)
  const fp = cfa === undefined ? null : hexOfPlace(cfa)
  return process.symbolizer.locate(pc, lookupPc).map(source => {
    const facts = factsOf(kind === 'signal' ? restorerSource(source, pc) : source, pc)
    return {
      kind: kind === 'signal' ? 'signal' : isUnknownCode(process, pc, source) ? 'unknown' : 'c',
      function: facts.function,
      file: facts.file,
      line: facts.line,
      column: facts.column,
      pc: pcText ?? facts.pc,
      entry: facts.entry,
      offset: facts.offset,
      sp: spText,
      fp,
      args: null,
      inlined: facts.inlined,
      module: facts.module,
      moduleOffset: facts.moduleOffset,
      language: facts.language,
      foundBy,
    }
  })
}

let lastPlace: {readonly value: Word | Address; readonly text: string} = {value: NULL_ADDRESS, text: hex(NULL_ADDRESS)}

/** Where a frame ends its caller's begins: each place is asked for twice, one time after the other. */
function hexOfPlace(value: Word | Address): string {
  if (value !== lastPlace.value) lastPlace = {value, text: hex(value)}
  return lastPlace.text
}

/** Of source frames, which are found once for a pc: what their reports have in common, in whichever stack they are. */
const FACTS = new WeakMap<SourceFrame, {readonly pc: Address; readonly facts: FrameReport}>()

function factsOf(source: SourceFrame, pc: Address): FrameReport {
  const known = FACTS.get(source)
  if (known?.pc === pc) return known.facts
  const facts = reportSource(source, pc)
  FACTS.set(source, {pc, facts})
  return facts
}

/**
 * The C function that the direct call before a return address leads to, as the caller's code names it. `isStub`: it is
 * another module's, and the call goes through a stub.
 */
export function findCallee(
  {memory, symbolizer}: Pick<DeadProcess, 'memory' | 'symbolizer'>,
  returnAddress: Address,
): {name: string; isStub: boolean} | undefined {
  const target = directCallTarget(memory, returnAddress)
  const name = target === undefined ? undefined : symbolizer.locate(target, target)[0]?.function
  if (name === undefined || name === null) return undefined
  const isStub = name.endsWith(STUB_SUFFIX)
  return {name: isStub ? name.slice(0, -STUB_SUFFIX.length) : name, isStub}
}

/** A restorer's two instructions. */
const RESTORER_SIZE = 9

/** Restorers are local to their libc: of a stripped one, whatever lies before it would be taken for it. */
function restorerSource(source: SourceFrame, pc: Address): SourceFrame {
  const isOwn = source.entry !== null && pc - source.entry < RESTORER_SIZE
  return isOwn ? source : {...source, function: null, entry: null}
}

/** Go or C: without function tables nothing tells, in the module that holds both. */
function isUnknownCode({images}: DeadProcess, pc: Address, {function: name}: SourceFrame): boolean {
  if (name !== null) return false
  return images.some(image => isNamelessImage(image, pc))
}

/**
 * pcs that the runtime had saved: addresses of calls, to be looked up as they are. The first may have been put back.
 * Of a list with pcs that lie in no module only the program's own symbolizer can say what they are.
 */
export function reportSavedPcs(
  process: DeadProcess,
  {pcs, recovered}: {pcs: readonly Address[]; recovered: Address | undefined},
): FrameReport[] {
  const {hooks, memory} = process
  const isNeeded = pcs.some(pc => !memory.moduleAt(pc)) && hooks.hasSymbolizer
  const byHook = isNeeded ? hooks.symbolize(pcs.map(pc => BigInt(pc))) : undefined
  return pcs.flatMap((pc, index) => {
    const own = byHook?.[index]
    if (own && !memory.moduleAt(pc)) return own.map(frame => reportHookFrame(process, frame))
    return locateSaved(process, pc, index === 0 && recovered !== undefined ? 'signal-frame' : 'saved-cgo-callers')
  })
}

function locateSaved(process: DeadProcess, pc: Address, foundBy: FoundBy): FrameReport[] {
  return process.symbolizer.locate(pc, pc).map(source => ({...reportSource(source, pc), foundBy}))
}

/**
 * pcs as the runtime would print them: named by the program's own symbolizer, or by nobody where it has none. Where
 * that did not return, or was refused what it asked for and said nothing, the usual one answers: `foundBy` says how the
 * pc was found.
 */
export function reportByHook(process: DeadProcess, pcs: readonly Word[], foundBy: FoundBy): FrameReport[] {
  const {hooks} = process
  if (hooks.isWithoutSymbolizer) return pcs.map(pc => reportHookFrame(process, namelessFrame(pc)))
  const named = hooks.symbolize(pcs)
  return pcs.flatMap((pc, index) => {
    const own = named?.[index]
    if (own) return own.map(frame => reportHookFrame(process, frame))
    return locateSaved(process, addressOfWord(pc) ?? NOWHERE, foundBy)
  })
}

function namelessFrame(pc: Word): HookFrame {
  return {pc, func: null, file: null, line: 0n, entry: 0n}
}

/** What a symbolizer of the program said, as a frame. */
function reportHookFrame(process: DeadProcess, frame: HookFrame): FrameReport {
  const pc = addressOfWord(frame.pc)
  const [place] = pc === undefined ? [] : process.symbolizer.locate(pc, pc)
  const offset = place?.moduleOffset ?? null
  const line = Number(frame.line)
  return {
    kind: 'c',
    function: frame.func,
    file: frame.file,
    line: frame.file === null || !Number.isSafeInteger(line) ? null : line,
    column: null,
    pc: hex(frame.pc),
    entry: frame.entry === 0n ? null : hex(frame.entry),
    offset: null,
    sp: null,
    fp: null,
    args: null,
    inlined: false,
    module: place?.module ?? null,
    moduleOffset: offset === null ? null : hex(offset),
    language: null,
    foundBy: 'hook',
  }
}

/** GCC and LLVM clone functions and mark the clone in its symbol; the programmer knows one name. */
export function sourceName(name: string): string {
  return name.replace(
    /(?: ?\[clone [^\]]*\])+$|(?:\.(?:constprop|isra|part|cold|lto_priv|llvm|localalias)(?:\.\d+)*)+$/,
    '',
  )
}

function reportSource(source: SourceFrame, pc: Address): FrameReport {
  const {entry, inlined} = source
  return {
    kind: source.kind,
    function: source.function === null ? null : sourceName(source.function),
    file: source.file,
    line: source.file === null ? null : source.line,
    column: source.column,
    pc: hex(pc),
    entry: entry === null ? null : hex(entry),
    offset: entry === null || inlined || pc < entry ? null : hex(pc - entry),
    sp: null,
    fp: null,
    args: null,
    inlined,
    module: source.module,
    moduleOffset: source.moduleOffset === null ? null : hex(source.moduleOffset),
    language: source.language,
    foundBy: null,
  }
}

/**
 * A Go function of the seam between the two stacks (asmcgocall, crosscall2): in the text only where that shows every
 * frame.
 */
export function reportSwitch(process: DeadProcess, frame: UnwindFrame): FrameReport {
  const {pc, lookupPc, sp, cfa, foundBy, go} = frame
  const place = process.tables?.functionAt(pc)?.fileLine(lookupPc)
  const isKnown = place !== undefined && place.file !== '?'
  const module = process.memory.moduleAt(pc)
  const offset = module ? hex(pc - module.start) : null
  return {
    kind: 'switch',
    function: go?.name ?? null,
    file: isKnown ? place.file : null,
    line: isKnown ? place.line : null,
    column: null,
    pc: hex(pc),
    entry: go ? hex(go.entry) : null,
    offset: go && pc > go.entry ? hex(pc - go.entry) : null,
    sp: hex(sp),
    fp: cfa === undefined ? null : hex(cfa),
    args: null,
    inlined: false,
    module: module?.path ?? null,
    moduleOffset: offset,
    language: go ? 'Go' : null,
    foundBy,
  }
}

import type {
  CoreReport,
  CrashReport,
  CreatedByReport,
  FrameReport,
  GoReport,
  GoroutineReport,
  TextDialect,
  ThreadReport,
} from '../report/core-report.ts'
import {MISSING_REASONS, type MissingReason, placeInModule} from '../report/vocabulary.ts'
import {rendered} from './rendered.ts'
import {renderSource} from './source-text.ts'
import type {Style} from './style.ts'

/** What a frame's second line carries: `full` adds fp, sp and pc, as the runtime does at traceback level 2. */
export type Detail = 'plain' | 'full'

/**
 * The report in the format of runtime.printpanics, runtime.sighandler, runtime.goroutineheader, runtime.traceback2 and
 * runtime.printCgoTraceback (Go, src/runtime/panic.go, signal_unix.go, traceback.go). Yields text that ends in a
 * newline.
 */
export function* renderGoText(report: CoreReport, style: Style): Generator<string> {
  let separator = ''
  for (const block of renderBlocks(report, style)) {
    yield separator + block
    separator = '\n'
  }
}

/** What a blank line stands between. */
function* renderBlocks(report: CoreReport, style: Style): Generator<string> {
  const {crash, detail, dialect = CURRENT} = report
  if (crash.header.length > 0) yield crash.header.map(line => `${style.header(line)}\n`).join('')
  if (crash.runtimeStack.length > 0) {
    yield `${style.goroutine('runtime stack:')}\n${renderFrames(crash.runtimeStack, detail, style, dialect)}`
  }
  const shown = yield* renderGoroutines(report, style)
  for (const thread of report.threadsWithoutGoroutine()) {
    if (thread.frames.length > 0 && thread.id !== shown) yield renderThread(thread, detail, style, dialect)
  }
}

/**
 * All goroutines; behind those of the runtime that died the registers, above them the thread that crashed, where no
 * goroutine was on it. The result is the thread whose stack is shown by that.
 */
function* renderGoroutines(report: CoreReport, style: Style): Generator<string, number | null> {
  const {detail, dialect = CURRENT} = report
  const above = findThreadOfCrash(report)
  const list = rendered(report.goroutines, each => renderGoroutine(each, style, dialect))[Symbol.iterator]()
  let next = list.next()
  const first = next.done ? undefined : next.value.goroutine
  // A g0 in the list is the crashing thread's own; where it died in C its stack is the whole of the thread's.
  const isOwn = first?.id === 0
  const crashing = isOwn ? undefined : above
  if (crashing) yield renderThread(crashing, detail, style, dialect)
  let registers = registersBelow(report)
  const runtimes = new RuntimeHeadings()
  for (; !next.done; next = list.next()) {
    const {goroutine, text} = next.value
    const runtime = runtimes.above(goroutine)
    if (runtime !== null && goroutine !== first && registers) {
      yield renderRegisters(registers)
      registers = null
    }
    if (runtime !== null && (goroutine !== first || dialect.namesDying)) yield renderImage(runtime, report.go, style)
    yield text
  }
  if (registers) yield renderRegisters(registers)
  return isOwn && first.frames[0]?.kind === 'c' ? first.thread : (crashing?.id ?? null)
}

/** Goroutines of one runtime follow each other; where a process has several, each begins with its name. */
export class RuntimeHeadings {
  #current: string | null = null

  /** The runtime that a goroutine is the first one of; null where its runtime is no other than before. */
  above({image}: Pick<GoroutineReport, 'image'>): string | null {
    if (image === this.#current) return null
    this.#current = image ?? this.#current
    return image
  }
}

/** Only the header of a fatal signal is followed by registers; a throw's is not. */
function registersBelow({crash, detail}: CoreReport): CrashReport['registers'] {
  return detail === 'full' && crash.header.some(line => line.startsWith('PC=')) ? crash.registers : null
}

/** Above the goroutines of each Go runtime, where a process has several: each counts them from 1. */
export function renderImage(path: string, {images}: Pick<GoReport, 'images'>, style: Style): string {
  const version = images.find(image => image.path === path)?.version
  return `${style.note(`Go runtime of ${path}${version ? ` (${version})` : ''}:`)}\n`
}

/** Behind the number of a goroutine or an M, where a process has several runtimes. */
export function ofImage(image: string | null): string {
  return image === null ? '' : ` of ${image}`
}

/** The thread that crashed, where no goroutine was on it: the report opens with it. */
function findThreadOfCrash(report: CoreReport): ThreadReport | undefined {
  const {thread: id, goroutine} = report.crash
  if (id === null || goroutine !== null || report.crash.runtimeStack.length > 0) return undefined
  for (const thread of report.threadsWithoutGoroutine()) if (thread.id === id) return thread
  return undefined
}

/** What C code said of its own end; for standard error, where the text is Go's alone. */
export function renderCause(crash: CrashReport): string | undefined {
  return crash.cause ? `${crash.cause.kind}: ${crash.cause.text}` : undefined
}

/** What a block of one goroutine, or of a group of them, is made of. */
export type GoroutineBlock = StackBlock &
  Pick<GoroutineReport, 'header' | 'remarks' | 'createdBy' | 'ancestors' | 'detailed'>

export function renderGoroutine(goroutine: GoroutineBlock, style: Style, dialect = CURRENT): string {
  const detail = goroutine.detailed ? 'full' : 'plain'
  let out = `${style.goroutine(goroutine.header)}\n`
  // With C frames in its place the pc is not unknown: only a traceback in full says so.
  const saysRemarks = goroutine.detailed || goroutine.frames.length === 0
  if (saysRemarks) out += goroutine.remarks.map(line => `${style.note(line)}\n`).join('')
  out += renderStack(goroutine, detail, style, dialect)
  if (goroutine.createdBy) out += renderCreatedBy(goroutine.createdBy, style)
  for (const ancestor of goroutine.ancestors) {
    out += `${style.note(`[originating from goroutine ${ancestor.goroutine ?? 0}]:`)}\n`
    out += renderFrames(ancestor.frames, 'plain', style)
    if (ancestor.elided) out += `${style.note('...additional frames elided...')}\n`
    if (ancestor.createdBy) out += renderCreatedBy(ancestor.createdBy, style)
  }
  return out
}

/** What a thread runs, in the brackets behind its number. */
export function nameGoroutine({goroutine, goroutineKnown}: Pick<ThreadReport, 'goroutine' | 'goroutineKnown'>): string {
  if (goroutine !== null) return `goroutine ${goroutine}`
  return goroutineKnown ? 'no goroutine' : 'goroutine unknown'
}

/** Outside of what the runtime printed, but for the names of files, which only our own text has. */
export function renderThread(
  thread: ThreadReport,
  detail: Detail,
  style: Style,
  {showsModules}: Pick<TextDialect, 'showsModules'> = CURRENT,
): string {
  const goroutine = nameGoroutine(thread)
  const name = thread.name ? ` ${JSON.stringify(thread.name)}` : ''
  const machine = thread.m === null ? '' : ` m=${thread.m}${ofImage(thread.image)}`
  return `${style.goroutine(`thread ${thread.id}${detail === 'full' ? name + machine : ''} [${goroutine}]:`)}\n${renderStack(thread, detail, style, {...CURRENT, showsModules})}`
}

/** A stack's frames, and what of them is not there. */
export type StackBlock = Pick<GoroutineReport, 'frames' | 'elided' | 'missing'>

/** Frames, and between them in the runtime's way what was left out, and in ours what is missing. */
export function renderStack(
  {frames, elided, missing}: StackBlock,
  detail: Detail,
  style: Style,
  dialect: TextDialect = CURRENT,
): string {
  const notes = missing.map(({after, reason}) => ({after, text: missingNote(reason, after === frames.length)}))
  if (elided && (elided.count === null || elided.count > 0)) {
    const count = elided.count ?? 'additional'
    notes.unshift({after: elided.after, text: `...${count} frames elided...`})
    notes.sort((a, b) => a.after - b.after)
  }
  let out = ''
  let shown = 0
  for (const {after, text} of notes) {
    out += `${renderFrames(frames.slice(shown, after), detail, style, dialect)}${style.note(text)}\n`
    shown = after
  }
  return out + renderFrames(frames.slice(shown), detail, style, dialect)
}

/** Why frames are missing, as a line of its own. */
export function missingNote(reason: MissingReason, isAtEnd: boolean): string {
  const why = MISSING_REASONS[reason].replaceAll('`', '')
  if (reason === 'left' || reason === 'rejoined') return `...${why}...`
  if (reason === 'frameless') return `...a frame may be missing here: ${why}...`
  if (reason === 'frame-limit' && !isAtEnd) return `...both ends of this stack are shown: ${why}...`
  return isAtEnd ? `...the walk ends here: ${why}...` : `...frames are missing here: ${why}...`
}

/** Outside of a traceback that the runtime itself printed. */
const CURRENT: TextDialect = {
  showsPc: true,
  hasSymbolizer: true,
  showsSwitches: false,
  showsModules: true,
  namesDying: true,
}

export function renderFrames(
  frames: readonly FrameReport[],
  detail: Detail,
  style: Style,
  dialect: TextDialect = CURRENT,
): string {
  let out = ''
  const told = new Set<string>()
  for (const frame of frames) {
    const text = renderFrame(frame, detail, style, dialect)
    if (text === '') continue
    out += text
    if (frame.source) out += renderSource(frame, style, told)
    if (frame.variables) out += renderVariables(frame.variables, style)
  }
  return out
}

/** Below the frame's own lines, a line each; no part of Go's text. */
function renderVariables(variables: NonNullable<FrameReport['variables']>, style: Style): string {
  return variables
    .map(({name, value, type}, index) => {
      return style.source(`\t    ${name ?? unnamed(type, index)} = ${value}`, false)
    })
    .join('')
}

/** Arguments that the runtime's tables alone describe: by their number, and what is known of their type. */
function unnamed(type: string | null, index: number): string {
  if (type === null) return `argument ${index + 1}`
  return type.startsWith('*') ? `argument ${index + 1} (${type})` : type
}

function renderFrame(frame: FrameReport, detail: Detail, style: Style, dialect: TextDialect): string {
  if (frame.kind === 'go' && !isSaved(frame)) return renderGoFrame(frame, detail, style, dialect)
  if (frame.kind === 'switch' && !dialect.showsSwitches) return ''
  // runtime.printCgoTraceback without a symbolizer.
  if (isSaved(frame) && frame.function === null && !dialect.hasSymbolizer) {
    return `${style.cFunction(`non-Go function at pc=${frame.pc}`)}\n`
  }
  if (frame.kind === 'unknown' && frame.function === null && frame.pc !== null) return renderRawPc(frame, detail, style)
  return renderNativeFrame(frame, style, dialect)
}

function renderNativeFrame(frame: FrameReport, style: Style, {showsModules}: TextDialect): string {
  const isSignal = frame.kind === 'signal'
  const name = isSignal ? '<signal handler called>' : (frame.function ?? 'non-Go function')
  const place = isSignal || frame.file === null ? '' : `${frame.file}:${frame.line ?? 0} `
  const code = frame.kind === 'c' && frame.function === null && showsModules ? placeInModule(frame) : undefined
  const where = `${place}pc=${frame.pc}${code === undefined ? '' : ` ${code}`}`
  return `${style.cFunction(name)}\n\t${style.location(where, isSignal ? undefined : frame)}${foundNote(frame, style)}\n`
}

function foundNote({foundBy}: FrameReport, style: Style): string {
  if (foundBy === 'tail-call') return style.note(' (left by a tail call)')
  return foundBy === 'scan' ? style.note(' (guessed: found by a scan of the stack)') : ''
}

/**
 * A pc of m.cgoCallers has no frame; runtime.printCgoTraceback prints all alike, also those that a hook found in Go
 * code.
 */
function isSaved({foundBy, sp, inlined}: FrameReport): boolean {
  return (
    foundBy === 'hook' || foundBy === 'saved-cgo-callers' || (foundBy === 'signal-frame' && sp === null && !inlined)
  )
}

function renderGoFrame(frame: FrameReport, detail: Detail, style: Style, {showsPc}: TextDialect): string {
  if (frame.file === null && frame.pc !== null) return renderRawPc(frame, detail, style)
  const call = frame.inlined ? '(...)' : `(${frame.args ?? ''})`
  // A group of goroutines may be at several lines of one function.
  const line = frame.file !== null && frame.line === null ? '' : `:${frame.line ?? 0}`
  const place = `${frame.file ?? '?'}${line}${frame.inlined ? '' : renderGoPlace(frame, detail, showsPc)}`
  return `${style.goFunction(`${frame.function ?? '?'}${call}`)}\n\t${style.location(place, frame)}\n`
}

/** What only the physical frame of several has: the offset in its function, and where it is on the stack. */
function renderGoPlace({offset, fp, sp, pc}: FrameReport, detail: Detail, showsPc: boolean): string {
  const inFunction = offset === null ? '' : ` +${offset}`
  if (detail !== 'full' || sp === null) return inFunction
  return `${inFunction} fp=${fp ?? '0x0'} sp=${sp}${pc === null || !showsPc ? '' : ` pc=${pc}`}`
}

/** Code of which nothing tells the source: where it lies in its file is what a symbolizer needs later. */
function renderRawPc(frame: FrameReport, detail: Detail, style: Style): string {
  const name = frame.function ?? '?'
  const place = placeInModule(frame) ?? '?'
  const fp = frame.fp === null ? '' : ` fp=${frame.fp}`
  const stack = detail === 'full' && frame.sp !== null ? `${fp} sp=${frame.sp}` : ''
  return `${style.goFunction(frame.kind === 'go' ? `${name}(...)` : name)}\n\t${style.location(`${place}${stack} pc=${frame.pc}`)}${foundNote(frame, style)}\n`
}

function renderCreatedBy(createdBy: CreatedByReport, style: Style): string {
  const by = createdBy.goroutine === null ? '' : ` in goroutine ${createdBy.goroutine}`
  const offset = createdBy.offset === null ? '' : ` +${createdBy.offset}`
  return `${style.note(`created by ${createdBy.function ?? '?'}${by}`)}\n\t${style.location(`${createdBy.file ?? '?'}:${createdBy.line ?? 0}${offset}`, createdBy)}\n`
}

/** runtime.dumpregs (signal_linux_amd64.go): names padded to seven columns. */
export function renderRegisters(registers: Readonly<Record<string, string>>): string {
  let out = ''
  for (const [name, value] of Object.entries(registers)) out += `${name.padEnd(7)}${value}\n`
  return out
}

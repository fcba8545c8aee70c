import {printable} from '../base/printable.ts'
import type {CgoAnswer, CgoCallReport, CgoReport, CgoThreadReport, FrameReport} from '../report/core-report.ts'
import {renderBlocking} from './blocking-text.ts'
import {missingNote, nameGoroutine, ofImage, renderFrames} from './go-text.ts'
import type {Style} from './style.ts'

/** What `cgo` prints: the hooks, the calls by the C function that Go called, then what each M knows of its call. */
export function* renderCgoText({cgo, blocking}: CgoAnswer, style: Style): Generator<string> {
  if (cgo.enabled === false) {
    yield 'the program does not use cgo\n'
    return
  }
  const knowsNoM = cgo.threads.every(({m}) => m === null)
  if (cgo.enabled === null && knowsNoM) {
    yield 'no Go runtime was found in this core\n'
    yield* renderBlocking(blocking, style)
    return
  }
  yield renderHooks(cgo, style)
  yield '\n'
  yield* renderCalls(cgo, style)
  yield* renderBlocking(blocking, style)
  for (const [state, names] of groupByState(cgo.threads, style)) yield `\n${names.join('')}${state}`
}

function* renderCalls({calls, callsKnown, groups}: CgoReport, style: Style): Generator<string> {
  if (calls.length === 0) yield `${callsKnown ? NO_CALL : NO_CALL_FOUND}\n`
  for (const {entry, count} of groups) {
    yield `${style.header(`${count} ${count === 1 ? 'goroutine' : 'goroutines'} in ${cName(entry)}`)}\n`
    for (const call of calls) if (call.entry === entry) yield renderCall(call, style)
  }
  if (calls.length > 0 && !callsKnown) yield `${style.note(MORE_CALLS)}\n`
}

const NO_CALL = 'no call from Go into C is in progress'
const NO_CALL_FOUND =
  'no call from Go into C was found; whether one is in progress is not known, for not every stack was read to its end'
const MORE_CALLS = '...more calls may be in progress: not every stack was read to its end...'

function cName(entry: string | null): string {
  if (entry === null) return 'C (which function Go called is not known)'
  return printable(entry.startsWith('0x') ? `the C function at ${entry}` : `C.${entry}`)
}

function renderHooks({hooks, hooksKnown}: CgoReport, style: Style): string {
  const absent = hooksKnown ? 'none' : 'not known'
  let out = ''
  for (const [name, hook] of Object.entries(hooks)) {
    const what = hook === null ? absent : `${style.cFunction(hook.symbol ?? '?')} ${style.location(hook.address)}`
    out += `${`${name} function`.padEnd(20)} ${what}\n`
  }
  return out
}

function place({file, line}: {file: string | null; line: number | null}): string {
  return file === null ? '' : ` ${file}:${line ?? 0}`
}

function renderCall(call: CgoCallReport, style: Style): string {
  const who = [
    call.goroutine === null ? null : `goroutine ${call.goroutine}`,
    call.m === null ? null : `m ${call.m}${ofImage(call.image)}`,
    call.thread === null ? null : `thread ${call.thread}`,
  ]
  let out = `\t${style.goroutine(who.filter(part => part !== null).join(', '))}: ${depthOf(call)}, ${call.total ?? '?'} calls so far\n`
  out += renderNested(call, style)
  if (call.inCallback) out += `\t\t${style.note(`called back into ${call.callbacks[0]?.function ?? 'Go'}`)}\n`
  for (const outer of call.outer) {
    out += `\t    inside of ${cName(outer.entry)}\n${renderNested(outer, style)}`
  }
  return out
}

function depthOf({depth, outer}: CgoCallReport): string {
  return depth === 0 ? `${outer.length + 1} deep, already taken back by a panic` : `${depth} deep`
}

function renderNested(call: CgoCallReport['outer'][number], style: Style): string {
  const {caller, current, cFrames, missing} = call
  let out = ''
  if (caller) out += `\t\tcalled by ${style.goFunction(caller.function ?? '?')}${style.location(place(caller))}\n`
  if (current) {
    const frames = `${cFrames} C ${cFrames === 1 ? 'frame' : 'frames'}`
    out += `\t\tnow in ${style.cFunction(nameOf(current))}${style.location(place(current))}, ${frames}\n`
    if (missing) out += `\t\t${style.note(missingNote(missing, false))}\n`
  } else if (missing === 'abandoned') {
    out += `\t\t${style.note('its C frames are gone: a panic or runtime.Goexit has left the callback inside of it')}\n`
  } else out += `\t\t${style.note('its C frames cannot be found')}\n`
  return out
}

function nameOf({function: name, pc}: FrameReport): string {
  return name ?? `non-Go function at pc=${pc}`
}

/** Ms of which the same is to be said, as of all idle ones, stand together. */
function groupByState(threads: readonly CgoThreadReport[], style: Style): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const thread of threads) {
    const state = renderThreadState(thread, style)
    const names = groups.get(state)
    if (names) names.push(renderThreadName(thread, style))
    else groups.set(state, [renderThreadName(thread, style)])
  }
  return groups
}

function renderThreadName(thread: CgoThreadReport, style: Style): string {
  const name = [
    thread.m === null ? 'no m' : `m ${thread.m}${ofImage(thread.image)}`,
    thread.thread === null ? 'no thread' : `thread ${thread.thread}`,
    nameGoroutine(thread),
  ]
  const counters = thread.m === null ? '' : `: ncgo=${thread.depth} ncgocall=${thread.total ?? '?'}`
  return `${style.goroutine(name.join(', '))}${counters}\n`
}

function renderThreadState(thread: CgoThreadReport, style: Style): string {
  let out = ''
  if (thread.m !== null) out += renderSaved(thread.saved, style)
  out += `\t${printable(thread.handler.explanation)}\n`
  out += `\t${printable(thread.traceback.explanation)}\n`
  if (thread.contexts.length > 0) {
    const values = thread.contexts.map(({value, popped}) => (popped ? `${value} (unwound by a panic)` : value))
    out += `\tcontexts, oldest first: ${values.join(', ')}\n`
  }
  for (const {function: callee, frames, missing} of thread.callbacks) {
    out += `\tcalled back into ${style.goFunction(callee ?? 'Go')} by\n${indent(renderFrames(frames, 'plain', style))}`
    if (missing) out += indent(`${style.note(missingNote(missing, missing !== 'abandoned'))}\n`)
  }
  return out
}

const STATES: Record<NonNullable<CgoThreadReport['saved']['state']>, string> = {
  none: 'none, the M has no array',
  empty: 'empty',
  saved: 'saved',
  consumed: 'read by the runtime, which cleared the first entry',
  busy: 'being read when the process ended',
  stale: 'left over from an earlier stack',
}

function renderSaved({state, pcs, tail, frames, agreesWithUnwind}: CgoThreadReport['saved'], style: Style): string {
  const size = pcs.length > 0 ? `, ${pcs.length} ${pcs.length === 1 ? 'pc' : 'pcs'}` : ''
  const older = tail.length > 0 ? `, ${tail.length} older behind them` : ''
  const putBack =
    state === 'consumed' && frames[0]?.foundBy === 'signal-frame' ? ' (put back from the signal frame)' : ''
  let out = `\tm.cgoCallers: ${state === null ? 'not in the core' : STATES[state]}${putBack}${size}${older}`
  if (agreesWithUnwind !== null) out += `; ${AGREEMENTS[agreesWithUnwind]}`
  return `${out}\n${indent(renderFrames(frames, 'plain', style))}`
}

const AGREEMENTS: Record<NonNullable<CgoThreadReport['saved']['agreesWithUnwind']>, string> = {
  agrees: 'agrees with the stack',
  longer: 'goes on where the stack ends',
  shorter: 'is only a part of the stack',
  contradicts: 'contradicts the stack',
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '\t\t')
}

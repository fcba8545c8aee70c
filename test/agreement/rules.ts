import {isDeepStrictEqual} from 'node:util'
import {liveFrames} from '../../src/analysis/stacks/goroutine-stacks.ts'
import type {FrameReport, GoroutineReport, ThreadReport} from '../../src/report/core-report.ts'
import type {Answers, Documents} from './answers.ts'

/** What must hold between the answers about one core, and what is wrong of it, a line each. */
type Rule = (answers: Answers) => Iterable<string>

const COMMANDS = ['cgo', 'goroutines', 'info', 'threads'] as const

/** Lists every field in which two objects differ. */
function* differences(what: string, ours: object, theirs: object): Generator<string> {
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [a, b] = [ours, theirs].map(each => (each as Record<string, unknown>)[key])
    if (!isDeepStrictEqual(a, b)) yield `${what}.${key}: ${short(a)}, and ${short(b)}`
  }
}

function short(value: unknown): string {
  return `${JSON.stringify(value)}`.slice(0, 300)
}

function threadOf({threads: {threads}}: Documents, id: number | null): ThreadReport | undefined {
  return threads.find(thread => thread.id === id)
}

/** Two Go runtimes may number alike, so that a goroutine is known by its image too. */
function goroutineOf({analyze}: Documents, image: string | null, id: number | null): GoroutineReport | undefined {
  return analyze.goroutines.find(goroutine => goroutine.id === id && goroutine.image === image)
}

interface OnThread {
  readonly image: string | null
  readonly m: number | null
  readonly goroutine: number | null
}

/** What each Go runtime of the process has on a thread. */
function onThread({image, m, goroutine, alsoRuns}: ThreadReport): readonly OnThread[] {
  return [{image, m, goroutine}, ...alsoRuns]
}

/** Callers that the runtime plants on a stack, which nothing returns to (systemstack_switch, up to 1.16 asmcgocall). */
const PLANTED = new Set(['runtime.systemstack_switch', 'runtime.asmcgocall', 'runtime.goexit'])

/** Where entersyscall was called is another place of the same function than where its callee returns to. */
function isOfGoroutineAlone({function: name, foundBy}: FrameReport, caller: FrameReport | undefined): boolean {
  // Without a name the planted caller is what the gobuf has of a goroutine that has left for the system stack.
  const isPlanted = name === null && foundBy === 'gobuf' && caller?.foundBy === 'stack-switch'
  return foundBy === 'syscall' || isPlanted || PLANTED.has(name ?? '')
}

/** Whether a frame lies among those that a thread's report leaves out: its handlers are of the frames that it keeps. */
function isElided({sp}: FrameReport, {frames, elided}: ThreadReport): boolean {
  const [inner, outer] = elided ? [frames[elided.after - 1]?.sp, frames[elided.after]?.sp] : []
  return sp !== null && inner != null && outer != null && BigInt(sp) > BigInt(inner) && BigInt(sp) < BigInt(outer)
}

/** What a thread tells by function tables, of crosscall2 and other seams, a goroutine tells as C. */
function isSameCode(a: FrameReport, b: FrameReport): boolean {
  return a.pc === b.pc && a.function === b.function && (a.kind === b.kind || a.function !== null)
}

function* lostFrames(goroutine: GoroutineReport, thread: ThreadReport): Generator<string> {
  let at = 0
  // What C has left by longjmp the runtime alone lists.
  const live = liveFrames(goroutine)
  for (const [index, frame] of live.entries()) {
    if (isOfGoroutineAlone(frame, live[index + 1]) || isElided(frame, thread)) continue
    const found = thread.frames.findIndex((other, place) => place >= at && isSameCode(other, frame))
    if (found < 0) yield `goroutine ${goroutine.id}: ${frame.function} at ${frame.pc} is not on thread ${thread.id}`
    else at = found + 1
  }
}

/** Marks of what is over, or may be missing: none says why a stack ends. */
const NO_STOPS = new Set(['abandoned', 'left', 'rejoined', 'frameless'])

/** Why a thread's stack ends, but for what is lost among the frames of its handlers, or between those and its own. */
function ownStop({stop, missing, handlerFrames}: ThreadReport): ThreadReport['stop'] {
  const isOfHandlers = ({after}: ThreadReport['missing'][number]) => after > 0 && after <= handlerFrames
  if (!missing.some(isOfHandlers)) return stop
  const own = missing.find(mark => !isOfHandlers(mark) && !NO_STOPS.has(mark.reason))
  return (own?.reason ?? 'end-of-stack') as ThreadReport['stop']
}

function* againstThread(goroutine: GoroutineReport, thread: ThreadReport): Generator<string> {
  const {id, image, m, stop, waitingFor} = goroutine
  const own = onThread(thread).find(each => each.goroutine === id && each.image === image)
  if (!own) {
    yield `goroutine ${id} is on thread ${thread.id}, which has ${short(onThread(thread))}`
    return
  }
  // While it is parked inside of a callback, it is on no M, and the thread on the M that is kept for it.
  if (m !== null && m !== own.m) yield `goroutine ${id} is on m ${m}, and ${own.m}`
  if (thread.goroutine === id && thread.image === image) {
    // What is lost right behind the handlers may be of the goroutine, or not.
    const theirs = stop === ownStop(thread) ? stop : thread.stop
    yield* differences(`goroutine ${id}`, {stop, waitingFor}, {stop: theirs, waitingFor: thread.waitingFor})
  }
  // Behind what the thread's walk says that it lost, there may be frames of another runtime's goroutine.
  if (thread.image === image || thread.missing.length === 0) yield* lostFrames(goroutine, thread)
}

function isSamePlace(a: FrameReport | undefined, b: FrameReport | undefined): boolean {
  return a?.pc === b?.pc && a?.sp === b?.sp
}

function isUnnamedGo({kind, function: name}: FrameReport): boolean {
  return name === null && (kind === 'go' || kind === 'unknown')
}

type Call = Documents['cgo']['cgo']['calls'][number]

function* againstGoroutine(call: Call, goroutine: GoroutineReport | undefined): Generator<string> {
  const {entry, thread, current, callbacks} = call
  if (goroutine?.thread !== thread) yield `C.${entry}: thread ${thread}, and ${goroutine?.thread}`
  for (const frame of [...(current ? [current] : []), ...callbacks.flatMap(({frames}) => frames)]) {
    const isThere = goroutine?.frames.some(other => other.pc === frame.pc && other.function === frame.function)
    if (!isThere) yield `C.${entry}: ${frame.function} at ${frame.pc} is not in goroutine ${call.goroutine}`
  }
}

function* againstDocuments(call: Call, documents: Documents): Generator<string> {
  if (call.goroutineKnown) yield* againstGoroutine(call, goroutineOf(documents, call.image, call.goroutine))
  else if (threadOf(documents, call.thread)?.goroutineKnown) yield `whose C.${call.entry} is, threads knows`
}

/** What SetCgoTraceback was given, the crash, and the losses of frames are looked for by those that show them. */
const OF_WHAT_IS_SHOWN = /^(?:cgo-hooks-unknown|symbols-missing|stack-not-in-core|cause-lost): /

function ofTheProcess(diagnostics: readonly string[]): readonly string[] {
  return diagnostics.filter(line => !OF_WHAT_IS_SHOWN.test(line))
}

/** By what they say. */
export const RULES: Readonly<Record<string, Rule>> = {
  'facts of the core and of Go': function* ({documents}) {
    const {analyze} = documents
    for (const command of COMMANDS) {
      yield* differences(`core of ${command}`, documents[command].core, analyze.core)
      yield* differences(`go of ${command}`, documents[command].go, analyze.go)
    }
    // What a module cost is counted over the frames that a command shows, and info shows none.
    const modules = documents.info.modules.map(({goBuildId: _id, debugInfo: _file, losses: _, ...module}) => module)
    yield* differences(
      'modules',
      modules,
      analyze.modules.map(({losses: _, ...module}) => module),
    )
  },

  'the crash': function* ({documents, defaultCrash}) {
    const {analyze, threads} = documents
    yield* differences('crash of threads', threads.crash, defaultCrash)
    const {runtimeStack: _, ...crash} = analyze.crash
    yield* differences('crash at another level', {...defaultCrash, runtimeStack: []}, {...crash, runtimeStack: []})
  },

  'who crashed stands first': function* ({documents}) {
    const {analyze, threads} = documents
    const {thread, goroutine, image, m} = analyze.crash
    const [first] = threads.threads
    if (thread !== null && first?.id !== thread) yield `thread ${thread} crashed, thread ${first?.id} is first`
    const isOnM = first && onThread(first).some(each => each.m === m && each.image === image)
    if (thread !== null && !isOnM) yield `m ${m} crashed, and is not on the first thread`
    // An M that dies on its system stack has that listed as goroutine 0, before its own.
    const [one] = analyze.goroutines.filter(({id}) => id !== 0)
    if (goroutine !== null && one?.id !== goroutine) yield `goroutine ${goroutine} crashed, ${one?.id} is first`
  },

  'the list of goroutines': function* ({documents: {analyze, goroutines}}) {
    const listed = analyze.goroutines.filter(({id}) => id !== 0)
    const [theirs, ours] = [listed, goroutines.goroutines].map(list => list.map(({id}) => id))
    if (!isDeepStrictEqual(theirs, ours)) yield `goroutines ${ours}, and ${theirs}`
    const {listed: count} = goroutines.counts
    if (count !== listed.length) yield `${count} goroutines are counted, ${listed.length} listed`
    for (const goroutine of goroutines.goroutines) {
      const other = listed.find(({id, image}) => id === goroutine.id && image === goroutine.image)
      yield* differences(`goroutine ${goroutine.id}`, goroutine, other ?? {})
    }
  },

  'the threads': function* ({documents: {analyze, threads}}) {
    for (const thread of threads.threads) {
      const other = analyze.threads.find(({id}) => id === thread.id)
      yield* differences(`thread ${thread.id}`, thread, other ?? {})
    }
    if (threads.threads.length !== analyze.threads.length) yield 'not as many threads'
  },

  'a goroutine is on the thread that is on it, with the same frames and the same end': function* ({documents}) {
    for (const goroutine of documents.analyze.goroutines) {
      const thread = threadOf(documents, goroutine.thread)
      if (thread && goroutine.id !== 0) yield* againstThread(goroutine, thread)
    }
    for (const thread of documents.threads.threads) {
      for (const {image, goroutine} of onThread(thread)) {
        const other = goroutine === null ? thread.id : goroutineOf(documents, image, goroutine)?.thread
        if (other !== thread.id) yield `thread ${thread.id} is on goroutine ${goroutine}, which is on thread ${other}`
      }
    }
  },

  'a frame that may be missing on a thread may be missing of its goroutine': function* ({documents}) {
    for (const {id, image, thread: tid, frames, missing} of documents.analyze.goroutines) {
      const thread = threadOf(documents, tid)
      if (!thread || id === 0 || !onThread(thread).some(each => each.goroutine === id && each.image === image)) continue
      for (const {after, reason} of thread.missing) {
        const outer = thread.frames[after]
        const at = outer ? frames.findIndex(frame => isSamePlace(frame, outer)) : -1
        const isShown = at > 0 && isSamePlace(frames[at - 1], thread.frames[after - 1])
        const isMarked = missing.some(mark => mark.after === at)
        if (isShown && !isMarked) yield `goroutine ${id}: ${reason} before ${outer?.pc} on thread ${tid} alone`
      }
    }
  },

  'a frame that has a name on a thread has one in each goroutine that the thread leads through': function* ({
    documents,
  }) {
    for (const {id, thread: tid, frames} of documents.analyze.goroutines) {
      const onThread = threadOf(documents, tid)?.frames ?? []
      for (const frame of frames.filter(({sp}) => sp !== null)) {
        const same = onThread.filter(other => isSamePlace(frame, other))
        const isNamed = same.some(other => other.function !== null)
        if (same.length > 0 && isNamed !== (frame.function !== null)) {
          yield `goroutine ${id}: ${frame.pc} is ${frame.function}, and ${same[0]?.function} on thread ${tid}`
        }
      }
    }
  },

  'calls of C': function* ({documents, complete}) {
    const {analyze, cgo} = documents
    yield* differences('cgo', cgo.cgo, analyze.cgo)
    for (const {thread: id, image, m, goroutine} of cgo.cgo.threads) {
      const thread = threadOf(documents, id)
      const has = thread && onThread(thread)
      const isSame = has?.some(each => isDeepStrictEqual([each.image, each.m, each.goroutine], [image, m, goroutine]))
      if (has && !isSame) yield `cgo has m ${m}, goroutine ${goroutine} on thread ${id}; threads ${short(has)}`
    }
    for (const call of cgo.cgo.calls) yield* againstDocuments(call, documents)
    const calling = new Set(cgo.cgo.calls.map(({goroutine}) => goroutine))
    for (const {id, inCgo} of analyze.goroutines) if (inCgo && !calling.has(id)) yield `goroutine ${id} is in no call`
    const {callsKnown, hooksKnown, enabled} = cgo.cgo
    const unread = analyze.goroutines.find(({id, m, frames}) => id !== 0 && m !== null && frames.some(isUnnamedGo))
    if (unread && callsKnown && enabled !== false) yield `goroutine ${unread.id} is not read, and all calls are known`
    if (complete.cgo && enabled !== false && !(callsKnown && hooksKnown)) yield 'cgo is complete without all calls'
  },

  'locks and deadlocks': function* ({documents}) {
    for (const command of ['cgo', 'goroutines', 'threads'] as const) {
      yield* differences(`blocking of ${command}`, documents[command].blocking, documents.analyze.blocking)
    }
  },

  'what is missing': function* ({documents, complete}) {
    const {analyze} = documents
    if (complete.analyze !== (analyze.completeness.score === 1)) yield `score ${analyze.completeness.score}`
    for (const command of COMMANDS) {
      if (complete.analyze && !complete[command]) yield `analyze is complete, ${command} is not`
    }
    const of = (list: Documents['analyze']['diagnostics']) =>
      list.map(({code, message}) => `${code}: ${message}`).sort()
    const theirs = of(analyze.diagnostics)
    for (const command of ['cgo', 'goroutines', 'threads'] as const) {
      const ours = of(documents[command].diagnostics)
      if (!isDeepStrictEqual(ofTheProcess(ours), ofTheProcess(theirs)))
        yield `diagnostics of ${command}: ${short(ours)}, and ${short(theirs)}`
    }
    const unknown = of(documents.info.diagnostics).filter(line => !theirs.includes(line))
    if (unknown.length > 0) yield `info alone knows ${short(unknown)}`
  },

  'the text and the JSON': function* ({texts, retold}) {
    for (const command of Object.keys(texts) as (keyof typeof texts)[]) {
      if (texts[command] === retold[command]) continue
      const [ours, theirs] = [texts[command], retold[command]].map(text => text.split('\n')) as [string[], string[]]
      const at = ours.findIndex((line, index) => line !== theirs[index])
      yield `${command}, line ${at + 1}: ${short(ours[at])}, and ${short(theirs[at])}`
    }
  },
}

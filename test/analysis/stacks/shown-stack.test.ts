// What of a stitched stack is shown: which frames are counted, whose they are, and where those of a call of C end.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import {foreignImage} from '../../../src/analysis/frames/foreign-frames.ts'
import {FrameFilter, GoFrameReports} from '../../../src/analysis/frames/go-frames.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {CallBorder} from '../../../src/analysis/stacks/call-border.ts'
import {ShownStack} from '../../../src/analysis/stacks/shown-stack.ts'
import type {StitchedFrame} from '../../../src/analysis/stacks/stitched-stack.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import type {GoFunction} from '../../../src/gosym/go-function.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import type {StackSwitches, StopReason, UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {FakeProcess} from '../../unwind/process.ts'

/** Go functions of this runtime lie below 0x8000, those of another one above. */
const OTHER = 0x8000

function goFunction(name: string, entry: number): GoFunction {
  const logical = {name, file: 'a.go', line: 1, funcID: 'normal', inlined: false, isUserVisible: true}
  const fields = {name, entry: toAddress(entry), funcID: name === 'runtime.asmcgocall' ? 'asmcgocall' : 'normal'}
  return {
    ...fields,
    isWrapper: false,
    fileLine: () => logical,
    inlineFrames: () => [logical],
    argTemplate: () => ({values: [], after: ''}),
  } as unknown as GoFunction
}

function processOf(minor: number, functions: readonly GoFunction[], maxFrames = 1000): DeadProcess {
  const at = (pc: number, isOther: boolean) =>
    pc >= OTHER === isOther ? functions.find(({entry}) => entry === pc) : undefined
  const symbolizer = {
    locate: () => [
      {function: 'in_c', file: null, line: null, entry: null, module: null, moduleOffset: null, inlined: false},
    ],
  }
  const shared = {version: GoVersion.ofMinor(minor), maxFrames, memory: {moduleAt: () => undefined}, symbolizer}
  const own = {...shared, tables: {functionAt: (pc: number) => at(pc, false)}}
  const other = {...shared, tables: {functionAt: (pc: number) => at(pc, true)}}
  return {...own, images: [own, other]} as unknown as DeadProcess
}

const native = (go?: GoFunction): StitchedFrame => {
  const pc = toAddress(go ? go.entry : 0x100)
  const place = {pc, lookupPc: pc, sp: toAddress(0x7000), cfa: undefined, foundBy: 'cfi', registers: undefined}
  return {kind: 'native', frame: {...place, kind: go ? 'go' : 'native', go} as unknown as UnwindFrame}
}
const goFrame = (fn: GoFunction): StitchedFrame => {
  const frame = {fn, pc: fn.entry, symPc: fn.entry, sp: toAddress(0xc000), fp: toAddress(0xc010)}
  return {kind: 'go', frame, foundBy: 'pcsp', isPlanted: false, isLeft: false}
}

/** Names of the frames that are shown, and what is missing. */
function show(process: DeadProcess, items: readonly StitchedFrame[], id = 7, cgoFrames: 'auto' | 'none' = 'auto') {
  const visibility = {version: process.version, level: 2, whole: true} as const
  const goroutine = {id} as unknown as Goroutine
  const shown = new ShownStack(process, {goroutine, visibility, cgoFrames}, new FrameFilter(visibility, false))
  for (const item of items) shown.add(item)
  const {frames, elided, missing, stop} = shown.take('end-of-stack', new GoFrameReports(process))
  return {names: frames.map(({kind, function: name}) => `${kind} ${name}`).join(', '), elided, missing, stop}
}

const WORK = goFunction('main.work', 0x1000)
const ASMCGOCALL = goFunction('runtime.asmcgocall', 0x2000)
const THEIRS = goFunction('lib.Work', OTHER + 0x1000)

test('frames of C and Go stand in the order of the calls, with a mark where some are missing', t => {
  const seam = {kind: 'seam', into: 'go', missing: 'unmapped'} as const
  t.deepEqual(show(processOf(27, [WORK]), [native(), seam, goFrame(WORK)]), {
    names: 'c in_c, go main.work',
    elided: null,
    missing: [{after: 1, reason: 'unmapped'}],
    stop: 'end-of-stack',
  })
})

test('the text without C frames is what Go alone prints: it says of none that it is missing', t => {
  const seam = {kind: 'seam', into: 'go', missing: 'unmapped'} as const
  t.deepEqual(show(processOf(27, [WORK]), [seam, goFrame(WORK)], 7, 'none').missing, [])
})

test('a g0 that died in C has no Go frames whose end could be missing', t => {
  const seam = {kind: 'seam', into: 'nothing', missing: 'unmapped'} as const
  const process = processOf(27, [WORK])
  t.deepEqual(show(process, [native(), seam], 0).missing, [])
  t.deepEqual(show(process, [native(), seam], 7).missing, [{after: 1, reason: 'unmapped'}])
})

test('up to 1.16 the asmcgocall below a callback is met by the walk of Go frames, and shown once', t => {
  const behind: StitchedFrame[] = [{kind: 'seam', into: 'c', missing: undefined}, native(), native(ASMCGOCALL)]
  t.is(show(processOf(16, [ASMCGOCALL]), behind).names, 'c in_c')
  t.is(show(processOf(17, [ASMCGOCALL]), behind).names, 'c in_c, switch runtime.asmcgocall')
})

test('Go frames of another runtime, behind C, are told as that one’s', t => {
  const items = [native(THEIRS), native(), goFrame(WORK)]
  const process = processOf(27, [WORK, THEIRS])
  t.is(show(process, items).names, 'go lib.Work, c in_c, go main.work')
  t.is(foreignImage(process, WORK), undefined)
  t.is(foreignImage(process, THEIRS), process.images[1])
})

test('past the limit of frames both ends are there, and the stop says so', t => {
  const items = Array.from({length: 9}, () => native())
  const {names, elided, stop} = show(processOf(27, [], 4), items)
  t.is(names.split(', ').length, 4)
  t.deepEqual([elided, stop], [{after: 2, count: 5}, 'frame-limit'])
})

/** Where asmcgocall of 1.22 and later left g0 whose sched.sp is 0x6020. */
const BORDER = 0x6010

/** The frames of a walk in C by their sp that belong to the call, and why they end. */
function border(sps: readonly number[], tables?: object): {kept: number[]; stop: StopReason; jumps: number} {
  const goroutine = {stack: {lo: 0xc000, hi: 0xd000}, syscall: {sp: 0xc800}} as unknown as Goroutine
  const switches = {g0: {schedSp: toAddress(BORDER + 16)}} as unknown as StackSwitches
  const memory = {read: () => new Uint8Array(1), moduleAt: () => undefined}
  const process = {tables, memory, version: GoVersion.ofMinor(27)} as unknown as DeadProcess
  function* walk(): Generator<UnwindFrame, StopReason> {
    for (const sp of sps) yield {sp, kind: 'native'} as unknown as UnwindFrame
    return 'end-of-stack'
  }
  let jumps = 0
  const steps = new CallBorder(process, switches, goroutine).follow(walk(), () => jumps++)
  const kept: number[] = []
  let step = steps.next()
  for (; !step.done; step = steps.next()) kept.push(step.value.sp)
  return {kept, stop: step.value, jumps}
}

test('without function tables a call of C ends at the place where asmcgocall had left the goroutine', t => {
  t.deepEqual(border([0x5000, BORDER, 0x6800]), {kept: [0x5000, BORDER], stop: 'end-of-stack', jumps: 0})
  t.deepEqual(border([0x5000, 0x6800]), {kept: [0x5000], stop: 'no-unwind-info', jumps: 0}, 'what began the thread')
  t.deepEqual(border([0x5000, 0x5800]), {kept: [0x5000, 0x5800], stop: 'no-unwind-info', jumps: 0}, 'short of it')
  const left = BORDER + 16
  t.deepEqual(border([0x5000, left, 0x6800]), {kept: [0x5000, left], stop: 'end-of-stack', jumps: 0}, 'systemstack')
  t.deepEqual(border([0x5000, 0xc900]), {kept: [0x5000, 0xc900], stop: 'no-unwind-info', jumps: 1}, 'over it')
})

test('with function tables the walk itself knows asmcgocall', t => {
  t.deepEqual(border([0x5000, 0x5800], {}), {kept: [0x5000, 0x5800], stop: 'end-of-stack', jumps: 0})
})

test('between code that is not at hand and the handler’s return that a scan found, a caller may be hidden', t => {
  const found = (top: number) => {
    const memory = new FakeProcess().unread(0x401000, 0x402000).words(0x5000, top, 0x401200)
    const process = {
      memory,
      version: memory.version,
      isExecutable: (at: number) => at >= 0x401000 && at < 0x402000,
    } as unknown as DeadProcess
    function* walk(): Generator<UnwindFrame, StopReason> {
      const registers = RegisterSet.ofPosition(toAddress(0x401100), toAddress(0x5000))
      const place = {pc: toAddress(0x401100), sp: toAddress(0x5000), kind: 'native', interrupted: true, registers}
      yield {...place, foundBy: 'context'} as unknown as UnwindFrame
      yield {...place, sp: 0x5010, kind: 'signal', interrupted: false, foundBy: 'scan'} as unknown as UnwindFrame
      return 'end-of-stack'
    }
    const gaps: string[] = []
    const steps = new CallBorder(process, undefined, undefined).follow(walk(), gap => gaps.push(gap))
    for (let step = steps.next(); !step.done; step = steps.next());
    return gaps
  }
  t.deepEqual(found(0x401300), ['frameless'])
  t.deepEqual(found(7), [])
})

test('a caller may be hidden by what faulted in code of another runtime whose program is not at hand', t => {
  const [fault, stack] = [toAddress(0x4000), toAddress(0x5000)]
  const word = new Uint8Array([0, 0x41, 0, 0, 0, 0, 0, 0])
  const memory = {read: (at: number) => (at === stack ? word : undefined), moduleAt: () => undefined}
  const version = GoVersion.ofMinor(27)
  const process = {tables: {}, memory, version, oldestVersion: version, isExecutable: () => true}
  const gaps = (faultPc: Address | undefined) => {
    function* walk(): Generator<UnwindFrame, StopReason> {
      const inner = {pc: fault, sp: stack, kind: 'native', registers: RegisterSet.ofPosition(fault, stack)}
      yield inner as unknown as UnwindFrame
      yield {...inner, sp: toAddress(0x5020), foundBy: 'frame-pointer'} as unknown as UnwindFrame
      return 'end-of-stack'
    }
    const switches = {others: [{faultPc}]} as unknown as StackSwitches
    const found: string[] = []
    const border = new CallBorder(process as unknown as DeadProcess, switches, undefined)
    const {length} = [...border.follow(walk(), gap => found.push(gap))]
    return {length, found}
  }
  t.deepEqual(gaps(undefined), {length: 2, found: []}, 'to this runtime it had called something')
  t.deepEqual(gaps(fault), {length: 2, found: ['frameless']})
})

import test from 'ava'
import {FrameFilter, GoFrameReports} from '../../../src/analysis/frames/go-frames.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {funcIDOf} from '../../../src/gosym/func-id.ts'
import {isUserVisible} from '../../../src/gosym/func-name.ts'
import type {LogicalFrame} from '../../../src/gosym/go-function.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {GoFrame} from '../../../src/unwind/goroutine-walk.ts'
import {everyRelease, type ReleaseRows} from '../../support/release-rows.ts'

/** A frame by the names of the calls in it, the innermost first; `~` before a name makes it a wrapper. */
function frameOf(text: string, version: GoVersion): GoFrame {
  const names = text.split(' < ')
  const logical = names.map((marked, index): LogicalFrame => {
    const isWrapper = marked.startsWith('~')
    const name = marked.replace('~', '')
    return {
      name,
      linkedName: name,
      funcID: isWrapper ? 'wrapper' : funcIDOf(name, 0, version),
      inlined: index < names.length - 1,
      isUserVisible: isUserVisible(name, version),
      file: 'f.go',
      line: index,
      pc: undefined,
      startLine: undefined,
    }
  })
  const fn = {inlineFrames: () => logical, isWrapper: names.at(-1)?.startsWith('~') === true}
  return {fn, symPc: 0} as unknown as GoFrame
}

/** What of a stack is shown, from the innermost frame out. */
function shownOf(stack: readonly string[], version: GoVersion, rules: {level: 0 | 1 | 2; whole: boolean}): string[] {
  const filter = new FrameFilter({version, ...rules}, false)
  return stack.flatMap(text => filter.visible(frameOf(text, version)).map(({name}) => name))
}

const DEFAULT = {level: 1, whole: false} as const
const PANIC = ['runtime.gopanic', 'main.f', 'main.main', 'runtime.main', 'runtime.goexit']
const WRAPPED = ['~main.(*T).M', 'main.main']
const FIRST_WRAPPED = ['runtime.gopanic', '~main.(*T).M', 'main.main']

/** runtime.showframe and showfuncinfo (Go, src/runtime/traceback.go) of each release. */
const SHOWN: readonly (readonly [what: string, stack: readonly string[], rows: ReleaseRows<readonly string[]>])[] = [
  ['frames of the runtime are not shown', ['runtime.gopark', 'main.main', 'runtime.goexit'], [[7, ['main.main']]]],
  [
    'gopanic is not the first frame that is shown, from 1.8 on',
    PANIC,
    [
      [7, ['runtime.gopanic', 'main.f', 'main.main']],
      [8, ['main.f', 'main.main']],
    ],
  ],
  [
    'gopanic is shown above the deferred function that it called',
    ['main.deferred', ...PANIC],
    [[7, ['main.deferred', 'runtime.gopanic', 'main.f', 'main.main']]],
  ],
  [
    'a wrapper is shown as the first frame in 1.10 and 1.11 alone',
    WRAPPED,
    [
      [10, ['main.(*T).M', 'main.main']],
      [12, ['main.main']],
    ],
  ],
  ['a wrapper that panicked itself is shown', FIRST_WRAPPED, [[12, ['main.(*T).M', 'main.main']]]],
  [
    'calls that were inlined are shown or not as if they were not',
    ['runtime.gopark < sync.(*Mutex).Lock < main.f', 'main.main'],
    [[9, ['sync.(*Mutex).Lock', 'main.f', 'main.main']]],
  ],
  [
    'exported functions of the runtime are shown, their types’ methods from 1.23 on',
    ['runtime.GC', 'runtime.(*Func).Name', 'runtime.(*mheap).alloc', 'main.main'],
    [
      [7, ['runtime.GC', 'main.main']],
      [23, ['runtime.GC', 'runtime.(*Func).Name', 'main.main']],
    ],
  ],
  [
    'the goroutine of finalizers is shown from 1.25 on, where it was renamed',
    ['main.final', 'runtime.runFinalizers'],
    [[25, ['main.final', 'runtime.runFinalizers']]],
  ],
  ['names without a package are not shown', ['_rt0_amd64_linux', 'main.main'], [[7, ['main.main']]]],
]

for (const [what, stack, rows] of SHOWN) {
  test(`frames shown: ${what}`, t => {
    for (const {version, form} of everyRelease(rows)) t.deepEqual(shownOf(stack, version, DEFAULT), form, version.text)
  })
}

test('frames shown: every one at level 2, and of a goroutine that is whole', t => {
  const version = GoVersion.ofMinor(22)
  const stack = ['runtime.gopark', '~main.(*T).M', 'main.main', 'runtime.goexit']
  const all = stack.map(name => name.replace('~', ''))
  t.deepEqual(shownOf(stack, version, {level: 2, whole: false}), all)
  t.deepEqual(shownOf(stack, version, {level: 1, whole: true}), all)
  t.deepEqual(shownOf(stack, version, DEFAULT), ['main.main'])
})

const ENTRY = 0x1000

function reportOf(minor: number, logical: Partial<LogicalFrame>, pc: number) {
  const asked: Address[] = []
  const fn = {
    entry: ENTRY,
    argTemplate(at: Address) {
      asked.push(at)
      return {values: [], after: '0x1'}
    },
  }
  const memory = {moduleAt: () => ({start: 0x400, path: '/opt/a'})}
  const process = {version: GoVersion.ofMinor(minor), memory} as unknown as DeadProcess
  const physical = {fn, pc, symPc: pc - 1, sp: 0x7000, fp: 0x7040} as unknown as GoFrame
  const frame = {name: 'main.f', file: 'f.go', line: 7, inlined: false, ...logical} as LogicalFrame
  return {report: new GoFrameReports(process).report(physical, frame, 'pcsp'), asked}
}

test('a Go frame’s offset is that of its return address, and is absent at the entry and for inlined calls', t => {
  t.like(reportOf(27, {}, ENTRY + 0x20).report, {
    function: 'main.f',
    offset: '0x20',
    entry: '0x1000',
    sp: '0x7000',
    fp: '0x7040',
    args: '0x1',
    moduleOffset: '0xc20',
    foundBy: 'pcsp',
  })
  t.like(reportOf(27, {}, ENTRY).report, {offset: null, entry: '0x1000'})
  t.like(reportOf(27, {inlined: true}, ENTRY + 0x20).report, {offset: null, entry: null, args: null})
})

test('whether an argument is live was asked where inlined code is called up to 1.20, at the pc itself since', t => {
  const callOfInlined = toAddress(ENTRY + 4)
  t.deepEqual(reportOf(20, {pc: callOfInlined}, ENTRY + 0x20).asked, [callOfInlined])
  t.deepEqual(reportOf(21, {pc: callOfInlined}, ENTRY + 0x20).asked, [toAddress(ENTRY + 0x1f)])
})

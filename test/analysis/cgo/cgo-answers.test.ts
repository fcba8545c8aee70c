import test from 'ava'
import {fixtureNames} from '../../../lab/fixtures.ts'
import {analyzeCgo} from '../../../src/analysis/analyze-cgo.ts'
import {decideCollecting} from '../../../src/analysis/cgo/cgo-decisions.ts'
import {reportContexts} from '../../../src/analysis/cgo/cgo-report.ts'
import {cgoWrapperTarget} from '../../../src/analysis/frames/irrelevant-frames.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {compareCallers} from '../../../src/analysis/stacks/saved-callers-check.ts'
import {toAddress} from '../../../src/base/address.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import {renderCgoText} from '../../../src/render/cgo-text.ts'
import {renderFrames} from '../../../src/render/go-text.ts'
import {json} from '../../../src/render/json.ts'
import {PLAIN_STYLE} from '../../../src/render/style.ts'
import type {CgoAnswer} from '../../../src/report/core-report.ts'
import {complaint} from '../../support/documents.ts'
import {withFixture} from '../../support/open-fixture.ts'

async function answerOf(name: string, maxFrames = 1000): Promise<CgoAnswer> {
  return withFixture(name, (dead, diagnostics) =>
    analyzeCgo(dead, {
      tool: {name: 'test', version: '0'},
      maxFrames,
      demangle: true,
      deadline: Deadline.never(diagnostics),
      diagnostics,
    }),
  )
}

/** Which C functions were called from where, and what they are inside of. */
function entriesOf({cgo}: CgoAnswer) {
  return cgo.calls.map(({entry, caller, outer}) => [entry, caller?.function, ...outer.map(each => each.entry)])
}

for (const name of fixtureNames(/^(callback-deep|cfault-segv)-go1\.27$/)) {
  test(`${name}: where frames are left out, and with them the Go code that called C, the calls are the same`, async t => {
    const whole = entriesOf(await answerOf(name))
    for (const maxFrames of [4, 12, 20]) t.deepEqual(entriesOf(await answerOf(name, maxFrames)), whole, `${maxFrames}`)
  })
}

const releases = (pattern: RegExp): string[] => fixtureNames(pattern)

for (const name of releases(/^callback-deep-go[\d.]+$/)) {
  test(`${name}: nested calls are one entry, with the calls that they are nested in`, async t => {
    const {cgo} = await answerOf(name)
    const call = cgo.calls.find(({entry}) => entry === 'relay_fault')
    t.is(call?.depth, 4)
    t.deepEqual(
      call?.outer.map(({entry}) => entry),
      ['call_go', 'call_go', 'call_go'],
    )
    t.is(call?.caller?.function, 'main.(*stage).step')
    t.is(call?.current?.function, 'poke')
    t.is(call?.inCallback, false)
    t.is(call?.callbacks.length, 3)
    for (const {function: callee, frames} of call?.callbacks ?? []) {
      t.is(callee, 'main.goRelay')
      t.true(frames.some(frame => frame.function === 'relay_inner'))
    }
  })
}

for (const name of releases(/^callback-parked-go[\d.]+$/)) {
  test(`${name}: a goroutine that is parked in a callback is still in its call`, async t => {
    const {cgo} = await answerOf(name)
    const parked = cgo.calls.find(({inCallback}) => inCallback)
    t.is(parked?.entry, 'call_go')
    t.is(parked?.callbacks[0]?.function, 'main.goRelay')
    t.is(parked?.traceback.failedCondition, 'g.m')
    t.deepEqual(cgo.groups.map(({entry, count}) => [entry, count]).sort(), [
      ['call_go', 1],
      ['relay_fault', 1],
    ])
  })
}

for (const name of releases(/^hooks-(fault|callback)-go[\d.]+$/)) {
  test(`${name}: hooks have names, and the saved list agrees with the stack`, async t => {
    const {cgo} = await answerOf(name)
    t.is(cgo.hooks.traceback?.symbol, 'hooks_traceback')
    t.is(cgo.hooks.context?.symbol, 'hooks_context')
    t.is(cgo.hooks.symbolizer?.symbol, 'hooks_symbolizer')
    const [call] = cgo.calls
    t.is(call?.entry, 'hooks_fault')
    t.true(call?.handler.wouldCollect)
    t.true(['saved', 'consumed'].includes(call?.saved.state ?? ''))
    t.not(call?.saved.agreesWithUnwind, 'contradicts')
    t.is(call?.contexts.length, call?.callbacks.length)
    t.true(call?.contexts.every(({popped}) => !popped))
  })
}

for (const name of releases(/^blocked-gcore-go[\d.]+$/)) {
  test(`${name}: calls of a live process, grouped by the function that Go called`, async t => {
    const {cgo} = await answerOf(name)
    const group = cgo.groups.find(({entry}) => entry === 'wait_forever')
    t.is(group?.count, 2)
    const call = cgo.calls.find(({entry}) => entry === 'wait_forever')
    t.true((call?.cFrames ?? 0) >= 4, 'a core of gcore holds no code, and is walked all the same')
    t.is(call?.handler.failedCondition, 'cgoTraceback')
  })
}

test('contexts above the length were unwound by a panic, or belong to callbacks that returned', t => {
  const contexts = (hasPanics: boolean, live: number, callbacks: number) =>
    reportContexts({cgoCtxt: [1n, 2n, 3n].slice(0, live), cgoCtxtBacking: [1n, 2n, 3n, 0n], hasPanics}, callbacks).map(
      ({value, popped}) => (popped ? `${value} popped` : value),
    )
  t.deepEqual(contexts(false, 3, 3), ['0x1', '0x2', '0x3'])
  t.deepEqual(contexts(true, 1, 2), ['0x1', '0x2 popped'])
  t.deepEqual(contexts(true, 0, 4), ['0x1 popped', '0x2 popped', '0x3 popped'])
  t.deepEqual(contexts(false, 1, 2), ['0x1'], 'a callback for which the hook gave no context')
})

test('every answer fits its schema, and has a text', async t => {
  for (const name of [
    'hooks-callback-go1.27',
    'blocked-gcore-go1.27',
    'callback-parked-go1.24',
    'gopanic-nil-go1.27',
  ]) {
    const answer = await answerOf(name)
    const presentation = {style: PLAIN_STYLE, view: 'whole', registers: false} as const
    const document = [...(json.renderers.cgo?.(answer, presentation) ?? [])].join('')
    t.is(complaint('cgo', JSON.parse(document)), '', name)
    const text = [...renderCgoText(answer, PLAIN_STYLE)].join('')
    t.true(text.endsWith('\n'))
    t.false(text.includes('undefined') || text.includes('NaN'))
  }
})

test('a saved pc in Go code is printed as the runtime prints saved pcs', async t => {
  const {cgo} = await answerOf('hooks-fault-go1.27')
  const frames = cgo.calls.flatMap(({saved}) => saved.frames)
  const inGo = frames.find(({kind}) => kind === 'go')
  t.truthy(inGo, 'the runtime raised the last signal itself')
  if (inGo) {
    const text = renderFrames([{...inGo, foundBy: 'saved-cgo-callers'}], 'plain', PLAIN_STYLE)
    t.is(text, `${inGo.function}\n\t${inGo.file}:${inGo.line} pc=${inGo.pc}\n`)
  }
})

test('a core without a Go runtime says so, and knows of no decision', async t => {
  const answer = await answerOf('blocked-gcore-go1.27')
  const [thread] = answer.cgo.threads
  const native = {
    ...answer.cgo,
    enabled: null,
    hooksKnown: false,
    calls: [],
    threads: thread ? [{...thread, m: null}] : [],
  }
  t.is([...renderCgoText({...answer, cgo: native}, PLAIN_STYLE)][0], 'no Go runtime was found in this core\n')
  const {explanation, ...decision} = decideCollecting({runtime: undefined} as DeadProcess, {
    machine: undefined,
    hasThread: true,
    entry: null,
    inCallback: false,
    goroutine: undefined,
  })
  t.deepEqual(decision, {wouldCollect: null, failedCondition: null})
  t.regex(explanation, /not known/)
})

test('the text groups the calls by the C function', async t => {
  const text = [...renderCgoText(await answerOf('blocked-gcore-go1.27'), PLAIN_STYLE)].join('')
  t.regex(text, /^2 goroutines in C\.wait_forever$/m)
  t.regex(text, /^1 goroutine in C\.wait_in_callback$/m)
  t.regex(text, /called back into main\.goWait/)
})

test('a wrapper stands for the function that the programmer wrote', t => {
  t.is(cgoWrapperTarget('_cgo_0a1b2c3d4e5f_Cfunc_sqlite3_step'), 'sqlite3_step')
  t.is(cgoWrapperTarget('_cgo_0a1b2c3d4e5f_C2func_open'), 'open')
  t.is(cgoWrapperTarget('_cgo_0a1b2c3d4e5f_Cmacro_errno_value'), 'errno_value')
  t.is(cgoWrapperTarget('example.com/a.b/c._Cfunc_x_y.abi0'), 'x_y')
  t.is(cgoWrapperTarget('main._C2func_getaddrinfo'), 'getaddrinfo')
  t.is(cgoWrapperTarget('_cgo_0a1b2c3d4e5f_Cfunc__Cmalloc'), 'malloc')
  t.is(cgoWrapperTarget('main.compute'), undefined)
})

test('saved pcs are addresses of calls, their ends, or one less', t => {
  const live = [0x1000, 0x2005, 0x3005].map((pc, index) => ({
    pc: toAddress(pc),
    lookupPc: toAddress(index === 0 ? pc : pc - 1),
  }))
  const compare = (...pcs: number[]) => compareCallers(pcs.map(toAddress), live)
  t.is(compare(0x1000, 0x2005, 0x3005), 'agrees')
  t.is(compare(0x1000, 0x2000, 0x3004), 'agrees')
  t.is(compare(0x1000, 0x2004), 'shorter')
  t.is(compare(0x2004, 0x3004), 'shorter', 'a collector that skips the innermost frames')
  t.is(compare(0x1000, 0x3004), 'shorter', 'a collector that follows frame pointers')
  t.is(compare(0x1000, 0x2004, 0x3004, 0x4000), 'longer')
  t.is(compare(0x9000, 0x1000, 0x2004, 0x3004), 'longer')
  t.is(compare(0x0ffe, 0x2004, 0x3004), 'agrees', 'a system call that was begun again')
  t.is(compare(0x1044, 0x2004, 0x3004), 'agrees', 'the innermost function has moved on')
  t.is(compare(0x1044, 0x3004), 'contradicts', 'another moment of the same call')
  const sameFunction = () => true
  t.is(
    compareCallers([0x1044, 0x3004].map(toAddress), live, sameFunction),
    'shorter',
    'its caller has no frame pointer',
  )
  t.is(compareCallers([toAddress(0x1044)], live, sameFunction), 'shorter')
  t.is(compareCallers([0x1044, 0x5004].map(toAddress), live, sameFunction), 'contradicts')
  t.is(compare(0x1000, 0x5000, 0x3004), 'contradicts')
  t.is(compare(0x8000, 0x9000, 0x3004), 'contradicts', 'another moment of the same call')
  t.is(compare(), 'contradicts')
})

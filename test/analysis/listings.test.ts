import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {analyzeGoroutines} from '../../src/analysis/analyze-goroutines.ts'
import {analyzeInfo} from '../../src/analysis/analyze-info.ts'
import {analyzeThreads} from '../../src/analysis/analyze-threads.ts'
import type {GoroutineQuery, GoroutineSort} from '../../src/analysis/goroutines/goroutine-query.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {Answers} from '../../src/render/format.ts'
import {renderGoroutinesText} from '../../src/render/goroutines-text.ts'
import {renderInfoText} from '../../src/render/info-text.ts'
import {json} from '../../src/render/json.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {renderThreadsText} from '../../src/render/threads-text.ts'
import type {GoroutineReport} from '../../src/report/core-report.ts'
import {complaint} from '../support/documents.ts'

const TOOL = {name: 'gotrace-core', version: '0.0.0'}
const EVERYTHING: GoroutineQuery = {
  state: undefined,
  function: undefined,
  labels: [],
  minWait: undefined,
  ids: undefined,
}

async function open(name: string) {
  const fixture = await openFixture(name)
  const diagnostics = new Diagnostics()
  const dead = await openProcess(fixture.core, {exe: fixture.executable, sysroots: [fixture.sysroot], diagnostics})
  return {dead, diagnostics, fixture}
}

async function openThreads(name: string) {
  const {dead, diagnostics} = await open(name)
  const deadline = Deadline.never(diagnostics)
  return analyzeThreads(dead, {tool: TOOL, maxFrames: 1000, demangle: true, deadline, diagnostics, threads: undefined})
}

interface Listing {
  show?: 'goroutines' | 'groups'
  sort?: GoroutineSort
}

async function openGoroutines(
  name: string,
  query: Partial<GoroutineQuery> = {},
  {show = 'goroutines', sort = 'runtime'}: Listing = {},
) {
  const {dead, diagnostics} = await open(name)
  return analyzeGoroutines(dead, {
    tool: TOOL,
    maxFrames: 1000,
    demangle: true,
    deadline: Deadline.never(diagnostics),
    traceback: undefined,
    cgoFrames: 'auto',
    diagnostics,
    query: {...EVERYTHING, ...query},
    show,
    sort,
    limit: undefined,
  })
}

async function listGoroutines(...asked: Parameters<typeof openGoroutines>): Promise<GoroutineReport[]> {
  return [...((await openGoroutines(...asked)).goroutines ?? [])]
}

function toJson<Name extends keyof Answers>(name: Name, answer: Answers[Name]): string {
  return [...(json.renderers[name]?.(answer, {style: PLAIN_STYLE, registers: false, view: 'whole'}) ?? [])].join('')
}

test('the JSON of threads, info and goroutines is what their schemas say', async t => {
  const threads = await openThreads('cfault-segv-go1.27')
  t.is(complaint('threads', JSON.parse(toJson('threads', threads))), '')
  const {dead, diagnostics} = await open('cfault-segv-go1.27')
  t.is(
    complaint(
      'info',
      JSON.parse(toJson('info', analyzeInfo(dead, {tool: TOOL, deadline: Deadline.never(diagnostics), diagnostics}))),
    ),
    '',
  )
  const listed = await openGoroutines('cfault-segv-go1.27')
  t.is(complaint('goroutines', JSON.parse(toJson('goroutines', listed))), '')
  const grouped = await openGoroutines('cfault-segv-go1.27', {}, {show: 'groups'})
  t.is(complaint('goroutines', JSON.parse(toJson('goroutines', grouped))), '')
})

test('the crashing thread comes first, from the handler through the fault and C to the goroutine', async t => {
  const {crash, threads} = await openThreads('cfault-segv-go1.27')
  const [first] = threads
  t.is(first?.id, crash.thread ?? undefined)
  t.is(first?.stop, 'end-of-stack')
  const names = first?.frames.map(({function: name}) => name) ?? []
  const order = ['runtime.sighandler', 'store_value', 'cfault_segv', 'runtime.asmcgocall', 'main.main.func1']
  const places = order.map(name => names.indexOf(name))
  t.true(
    places.every((place, index) => place > (places[index - 1] ?? -1)),
    names.join(' '),
  )
  t.true(first?.frames.some(({kind}) => kind === 'signal'))
})

test('the instruction that faulted in C is told with its operand', async t => {
  const {crash} = await openThreads('cfault-segv-go1.27')
  t.like(crash.instruction, {operandAddress: '0x8', addressKind: 'null plus 0x8'})
  t.regex(crash.instruction?.text ?? '', /^mov /)
})

test('a fault in Go, whose registers are gone, keeps the operand that g.sigcode1 has the address of', async t => {
  const {crash} = await openThreads('gopanic-nil-go1.27')
  t.is(crash.kind, 'panic')
  t.like(crash.instruction, {operandAddress: '0x0', addressKind: 'null'})
})

test('abort is no fault: no instruction is blamed for it', async t => {
  const {crash} = await openThreads('cfault-abort-go1.27')
  t.is(crash.signal, 'SIGABRT')
  t.is(crash.instruction, null)
})

test('threads: text shows every thread once, and registers when asked', async t => {
  const plain = [...renderThreadsText(await openThreads('cfault-segv-go1.27'), PLAIN_STYLE, false)].join('')
  t.regex(
    plain,
    /^SIGSEGV: segmentation violation\nPC=0x[^\n]*\nsignal arrived during cgo execution\ninstruction: mov /,
  )
  t.regex(plain, /\nthread \d+ "cfault" m=0 \[goroutine 20\]:\n/)
  t.notRegex(plain, /^rip /m)
  const headers = plain.match(/^thread \d+/gm) ?? []
  t.is(new Set(headers).size, headers.length)
  const full = [...renderThreadsText(await openThreads('cfault-segv-go1.27'), PLAIN_STYLE, true)].join('')
  t.is(full.match(/^rip +0x/gm)?.length, headers.length)
})

test('info tells the signal, the build and the files without walking a stack', async t => {
  const {dead, diagnostics} = await open('cfault-segv-go1.27')
  const report = analyzeInfo(dead, {tool: TOOL, deadline: Deadline.never(diagnostics), diagnostics})
  t.is(report.go.version, 'go1.27.4')
  t.is(report.go.settings.CGO_ENABLED, '1')
  t.is(report.memory.missing, 0)
  t.deepEqual(report.memory.threadsWithoutStack, [])
  const executable = report.modules.find(({path}) => path === report.core.executable)
  t.regex(executable?.buildId ?? '', /^[0-9a-f]{40}$/)
  t.is(executable?.symbols, 'dwarf')
  t.regex([...renderInfoText(report, PLAIN_STYLE)].join(''), /^completeness +complete$/m)
})

test('goroutines print the same blocks as the whole report, chosen by state, function and ID', async t => {
  const all = await listGoroutines('blocked-panic-go1.27')
  t.true(all.length > 1)
  const receiving = await listGoroutines('blocked-panic-go1.27', {state: /^chan receive/u})
  t.deepEqual(
    receiving.map(({id}) => id),
    all.filter(({state}) => state.startsWith('chan receive')).map(({id}) => id),
  )
  const inMain = await listGoroutines('blocked-panic-go1.27', {function: /^main\.main$/u})
  t.deepEqual(
    inMain.map(({id}) => id),
    [1],
  )
  const [text] = renderGoroutinesText({go: {images: []}, goroutines: inMain, groups: null}, PLAIN_STYLE)
  t.regex(text ?? '', /^goroutine 1 .*\[/)
  t.deepEqual(await listGoroutines('blocked-panic-go1.27', {ids: []}), [])
})

test('goroutines sorted by ID ascend; a label that nobody has chooses none', async t => {
  const ids = (await listGoroutines('blocked-panic-go1.27', {}, {sort: 'id'})).map(({id}) => id)
  t.deepEqual(
    ids,
    [...ids].sort((a, b) => a - b),
  )
  const labels = [{key: 'no such label', value: undefined}]
  t.deepEqual(await listGoroutines('blocked-panic-go1.27', {labels}), [])
})

test('groups hold every goroutine once, the biggest first, and one stack each', async t => {
  const listed = await listGoroutines('blocked-panic-go1.27')
  const report = await openGoroutines('blocked-panic-go1.27', {}, {show: 'groups'})
  const groups = [...(report.groups ?? [])]
  const ids = groups.flatMap(({goroutines}) => goroutines)
  t.deepEqual(
    [...ids].sort((a, b) => a - b),
    listed.map(({id}) => id).sort((a, b) => a - b),
  )
  t.true(groups.every(({count}, index) => count <= (groups[index - 1]?.count ?? count)))
  t.true(groups.every(({count, goroutines}) => count === goroutines.length))
  t.deepEqual(report.counts(), {listed: listed.length, matched: listed.length})
  const text = [...renderGoroutinesText({go: {images: []}, goroutines: null, groups}, PLAIN_STYLE)]
  t.is(text.length, groups.length)
  t.regex(text[0] ?? '', /^\d+ goroutines? \[[^\]]+\]: \d+/)
})

for (const name of ['blocked-gcore-go1.24', 'blocked-gcore-go1.27']) {
  test(`${name}: a thread whose callback is parked shows the goroutine it waits for, and the C code that called it`, async t => {
    const threads = [...(await openThreads(name)).threads]
    const waiting = threads.find(({frames}) => frames.some(frame => frame.function === 'wait_in_callback'))
    const names = waiting?.frames.map(frame => frame.function) ?? []
    const order = ['runtime.mcall', 'main.waitInCallback', 'crosscall2', 'wait_in_callback', 'runtime.cgocall'].map(
      wanted => names.indexOf(wanted),
    )
    t.false(order.includes(-1), names.join(' '))
    t.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    )
    t.is(names.at(-1), 'runtime.goexit')
    t.not(waiting?.goroutine ?? null, null)
    t.false(waiting?.idle ?? true)
  })
}

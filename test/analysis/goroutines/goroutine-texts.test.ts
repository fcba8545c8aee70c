// The texts of goroutines that are alike, against the renderer asked of each.
import test from 'ava'
import {analyzeCore} from '../../../src/analysis/analyze-core.ts'
import {analyzeGoroutines} from '../../../src/analysis/analyze-goroutines.ts'
import type {GoroutineReporter} from '../../../src/analysis/goroutines/goroutine-reporter.ts'
import {GoroutineTexts} from '../../../src/analysis/goroutines/goroutine-texts.ts'
import type {Diagnostics} from '../../../src/base/diagnostics.ts'
import {renderGoroutine} from '../../../src/render/go-text.ts'
import {PLAIN_STYLE, paintedStyle, type Style} from '../../../src/render/style.ts'
import type {FrameReport, GoroutineList, GoroutineReport} from '../../../src/report/core-report.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {plainOptions} from '../../support/analysis-options.ts'
import {withFixture} from '../../support/open-fixture.ts'

const CASES = ['blocked-fault-go1.15', 'blocked-fault-go1.27', 'busy-ancestors-go1.27', 'callback-parked-go1.27']
const QUERY = {state: undefined, function: /./, labels: [], minWait: undefined, ids: undefined}
const PAINT = (text: string): string => `<${text}>`
const PAINTED = paintedStyle({
  header: PAINT,
  goroutine: PAINT,
  goFunction: PAINT,
  cFunction: PAINT,
  location: (text, place) => `<${text} ${place?.file}>`,
  note: PAINT,
  source: PAINT,
})

function optionsOf(diagnostics: Diagnostics) {
  return {...plainOptions(diagnostics), waits: 'left-out'} as const
}

for (const name of CASES) {
  test(`${name}: each goroutine has the text that the renderer gives, in both lists`, async t => {
    await withFixture(name, (opened, diagnostics) => {
      const options = optionsOf(diagnostics)
      const listing = {...options, query: QUERY, show: 'goroutines', sort: 'runtime', limit: undefined} as const
      const ofCore = () => analyzeCore(opened, options)
      const ofWaits = () => analyzeCore(opened, {...options, waits: undefined})
      const ofList = () => analyzeGoroutines(opened, listing)
      const ofText = (style: Style) => (goroutine: GoroutineReport) => renderGoroutine(goroutine, style)
      const renderers = [
        ofText(PLAIN_STYLE),
        ofText(PAINTED),
        (goroutine: GoroutineReport) => JSON.stringify(goroutine),
      ]
      for (const render of renderers) {
        for (const make of [ofCore, ofList, ofWaits]) {
          const [plain, other] = [make(), make()]
          const texts = [...(plain.goroutines as GoroutineList)].map(render)
          const rendered = [...((other.goroutines as GoroutineList).rendered?.(render) ?? [])]
          t.true(texts.length > 1)
          t.deepEqual(
            rendered.map(({text}) => text),
            texts,
          )
          t.deepEqual(other.whyIncomplete(), plain.whyIncomplete())
        }
      }
    })
  })
}

/** What the reporter says of goroutines with one frame, all parked at one place. */
function textsOf(frame: Partial<FrameReport>, render = (each: GoroutineReport) => renderGoroutine(each, PLAIN_STYLE)) {
  let asked = 0
  const reportOf = ({id, parentGoid}: Goroutine) => ({
    id,
    header: `goroutine ${id} [select, 3 minutes]:`,
    state: 'select, 3 minutes',
    waitMinutes: 3,
    waitingFor: null,
    address: `0x${id.toString(16)}`,
    remarks: [],
    missing: [],
    elided: null,
    ancestors: [],
    stop: 'end-of-stack',
    detailed: false,
    frames: [
      {
        kind: 'go',
        function: 'main.f',
        file: 'f.go',
        line: 1,
        offset: '0x1',
        foundBy: 'gobuf',
        args: `0x${id}`,
        sp: `0x5${id}`,
        fp: `0x6${id}`,
        ...frame,
      },
    ],
    createdBy: {function: 'main.main', file: 'f.go', line: 2, offset: null, goroutine: parentGoid},
  })
  let last: Goroutine
  const reporter = {
    parkedPlace: (goroutine: Goroutine) => {
      last = goroutine
      return PLACE
    },
    ownFacts: () => ({system: false, waitMinutes: 3, waitingFor: null}),
    addPositionsAt: (_: unknown, {id}: Goroutine, to: string[]) => to.push(`0x5${id}`, `0x6${id}`),
    report: reportOf,
    addValuesAt: (_: unknown, to: string[]) => to.push(`0x${last.id}`) > 0,
  } as unknown as GoroutineReporter
  const texts = new GoroutineTexts(reporter, each => {
    asked++
    return render(each)
  })
  const goroutines = [11, 12, 13].map(id => ({
    id,
    address: id,
    parentGoid: 7,
    gopc: 1,
    waitReason: 'select',
    status: {number: 4},
  }))
  const made = goroutines.map(each => texts.of(each as Goroutine, false).text)
  const expected = goroutines.map(each => render(reportOf(each as Goroutine) as unknown as GoroutineReport))
  return {made, expected, asked}
}
const ARGS = {values: [{before: '', offset: 0, size: 8, isLive: true}], after: ''}
const PLACE = {shown: [{depth: 0, place: {args: ARGS}}]}

test('the renderer is asked for the first one alone, and for that with marks', t => {
  const {made, expected, asked} = textsOf({})
  t.deepEqual(made, expected)
  t.true(made[2]?.includes('main.f(0x13)'))
  t.is(asked, 2)
})

test('names that look like marks are told from them: each is rendered', t => {
  for (const name of ['8888888888881000', '8888888888881004', 'main.8888888888881002']) {
    const {made, expected, asked} = textsOf({function: name})
    t.deepEqual(made, expected)
    t.is(asked, 4)
  }
})

test('a renderer may show all that is their own: as JSON does', t => {
  const {made, expected, asked} = textsOf({}, each => JSON.stringify(each))
  t.deepEqual(made, expected)
  t.is(asked, 2)
})

test('one that shows a part of it is asked for each', t => {
  const {made, expected, asked} = textsOf({}, each => `${each.id} ${each.frames[0]?.sp?.slice(-1)}`)
  t.deepEqual(made, expected)
  t.is(asked, 4)
})

test('so is one whose lines are so long that they are cut', t => {
  const {made, expected, asked} = textsOf({function: 'f'.repeat(16_380)})
  t.deepEqual(made, expected)
  t.is(asked, 3)
})

import test from 'ava'
import {goroutineHeader, type HeaderFacts} from '../../../src/analysis/goroutines/goroutine-header.ts'
import {NEWEST} from '../../../src/gosym/version.ts'
import {everyRelease, type ReleaseRows} from '../../support/release-rows.ts'

const RUNNING: HeaderFacts = {
  id: 7,
  address: 0xc000002380,
  status: 'running',
  statusText: 'running',
  isScanned: false,
  waitReason: null,
  isIdleInSynctest: false,
  waitMinutes: null,
  isLockedToThread: false,
  m: {id: 3, address: 0x5e4180},
  syncGroup: null,
  bubble: null,
  labels: [],
}
const WAITING: HeaderFacts = {...RUNNING, status: 'waiting', statusText: 'sleep', waitReason: 'sleep', m: null}
const LABELLED: HeaderFacts = {
  ...WAITING,
  labels: [
    ['k1', 'v1'],
    ['key two', 'v"2\n'],
  ],
}

interface Case {
  what: string
  facts: HeaderFacts
  detailed?: boolean
  rows: ReleaseRows<string>
}

/** runtime.goroutineheader (Go, src/runtime/traceback.go) of each release. */
const HEADERS: readonly Case[] = [
  {what: 'a running one', facts: RUNNING, rows: [[7, 'goroutine 7 [running]:']]},
  {
    what: 'in detail: with g and m from 1.22 on',
    facts: RUNNING,
    detailed: true,
    rows: [
      [7, 'goroutine 7 [running]:'],
      [22, 'goroutine 7 gp=0xc000002380 m=3 mp=0x5e4180 [running]:'],
    ],
  },
  {
    what: 'in detail, on no M',
    facts: WAITING,
    detailed: true,
    rows: [
      [7, 'goroutine 7 [sleep]:'],
      [22, 'goroutine 7 gp=0xc000002380 m=nil [sleep]:'],
    ],
  },
  {
    what: 'scanned by the collector',
    facts: {...RUNNING, isScanned: true},
    rows: [[7, 'goroutine 7 [running (scan)]:']],
  },
  {
    what: 'less than a minute is not told',
    facts: {...WAITING, waitMinutes: 0},
    rows: [[7, 'goroutine 7 [sleep]:']],
  },
  {
    what: 'scan bit, minutes and thread stand in this order',
    facts: {...WAITING, isScanned: true, waitMinutes: 12, isLockedToThread: true},
    rows: [[7, 'goroutine 7 [sleep (scan), 12 minutes, locked to thread]:']],
  },
  {
    what: 'leaked, with the reason it waits for',
    facts: {...WAITING, status: 'leaked', statusText: 'chan receive', isScanned: true},
    rows: [[26, 'goroutine 7 [chan receive (leaked) (scan)]:']],
  },
  {
    what: 'in a synctest group of 1.24',
    facts: {...WAITING, syncGroup: 5, isLockedToThread: true},
    rows: [[24, 'goroutine 7 [sleep, locked to thread, synctest group 5]:']],
  },
  {
    what: 'idle in a synctest bubble',
    facts: {...WAITING, isIdleInSynctest: true, bubble: 1, isScanned: true, waitMinutes: 2},
    rows: [[25, 'goroutine 7 [sleep (scan) (durable), 2 minutes, synctest bubble 1]:']],
  },
  {
    what: 'whose reason says itself that it is durable',
    facts: {...WAITING, statusText: 'select (durable)', isIdleInSynctest: true, bubble: 1},
    rows: [[25, 'goroutine 7 [select (durable), synctest bubble 1]:']],
  },
  {
    what: 'that runs again after it was idle in its bubble: 1.25 goes by the last reason',
    facts: {...RUNNING, isIdleInSynctest: true, bubble: 1},
    rows: [
      [25, 'goroutine 7 [running (durable), synctest bubble 1]:'],
      [26, 'goroutine 7 [running, synctest bubble 1]:'],
    ],
  },
  {
    what: 'that waits in a bubble for what is outside',
    facts: {...WAITING, statusText: 'IO wait', bubble: 1},
    rows: [[25, 'goroutine 7 [IO wait, synctest bubble 1]:']],
  },
  {
    what: 'with labels: in the brackets in 1.26, behind them from 1.27 on, where they are quoted only if they must',
    facts: LABELLED,
    rows: [
      [25, 'goroutine 7 [sleep]:'],
      [26, 'goroutine 7 [sleep labels:{"k1": "v1", "key two": "v\\"2\\n"}]:'],
      [27, 'goroutine 7 [sleep] {k1: v1, "key two": "v\\"2\\n"}:'],
    ],
  },
]

for (const {what, facts, detailed = false, rows} of HEADERS) {
  test(`goroutine header: ${what}`, t => {
    for (const {version, form} of everyRelease(rows))
      t.is(goroutineHeader(facts, version, detailed), form, version.text)
  })
}

test('a label that is quoted has every character that is no printable ASCII as an escape', t => {
  const labels = [['k', '\\\t\r\u0001\u007f\u00e9\u20ac\u{1f600} ~']] as const
  const header = goroutineHeader({...RUNNING, labels}, NEWEST, false)
  t.is(header, 'goroutine 7 [running] {k: "\\\\\\t\\r\\x01\\u007f\\u00e9\\u20ac\\U0001f600 ~"}:')
})

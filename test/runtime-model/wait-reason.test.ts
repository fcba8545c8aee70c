import {readFileSync} from 'node:fs'
import test from 'ava'
import {GoVersion, NEWEST} from '../../src/gosym/version.ts'
import {statusOf} from '../../src/runtime-model/goroutine-status.ts'
import {isIdleInSynctest, waitReasonText} from '../../src/runtime-model/wait-reason.ts'
import {everyRelease, type ReleaseRows} from '../support/release-rows.ts'

/**
 * waitReasonStrings (Go, src/runtime/runtime2.go) without the first, empty one, in the order of the constants: as the
 * sources of each release have them where they differ from those of the release before.
 */
const REASONS = Object.entries(
  JSON.parse(readFileSync(new URL('wait-reasons.json', import.meta.url), 'utf8')) as Record<string, string[]>,
).map(([release, reasons]) => [Number(release.slice('1.'.length)), reasons] as const)

for (const {version, form: reasons} of everyRelease(REASONS)) {
  test(`wait reasons of ${version.text} are those of its runtime2.go`, t => {
    t.deepEqual(
      reasons.map((_, index) => waitReasonText(version, index + 1)),
      reasons,
    )
    t.is(waitReasonText(version, 0), '', 'no reason is no text')
    t.is(waitReasonText(version, reasons.length + 1), 'unknown wait reason', 'a number past the table')
    t.is(waitReasonText(version, 255), 'unknown wait reason')
  })
}

test('the reasons that are idle in a synctest bubble are those of isIdleInSynctest, from 1.25 on', t => {
  const idle = [
    'chan receive (nil chan)',
    'chan send (nil chan)',
    'select (no cases)',
    'sleep',
    'sync.Cond.Wait',
    'sync.WaitGroup.Wait (durable)',
    'coroutine',
    'synctest.Run',
    'synctest.Wait',
    'chan receive (durable)',
    'chan send (durable)',
    'select (durable)',
  ]
  for (const [minor, reasons] of REASONS) {
    if (minor < 25) continue
    t.deepEqual(reasons.filter(isIdleInSynctest).sort(), [...idle].sort(), `go1.${minor}`)
  }
})

/** g.atomicstatus as a goroutine's header has it (Go, src/runtime/traceback.go: gStatusStrings). */
const STATUS: ReleaseRows<readonly string[]> = [
  [7, ['idle', 'runnable', 'running', 'syscall', 'waiting', '???', 'dead', '???', 'copystack', '???', '???', '???']],
  [
    14,
    ['idle', 'runnable', 'running', 'syscall', 'waiting', '???', 'dead', '???', 'copystack', 'preempted', '???', '???'],
  ],
  [
    26,
    [
      'idle',
      'runnable',
      'running',
      'syscall',
      'waiting',
      '???',
      'dead',
      '???',
      'copystack',
      'preempted',
      'leaked',
      'waiting for cgo callback',
    ],
  ],
]

test('a status is printed in the words of its release, with or without the scan bit', t => {
  for (const {version, form} of everyRelease(STATUS)) {
    for (const [number, text] of form.entries()) {
      t.deepEqual(statusOf(version, number), {number, scan: false, text}, version.text)
      t.deepEqual(statusOf(version, 0x1000 + number), {number, scan: true, text}, version.text)
    }
  }
  t.is(statusOf(NEWEST, 77).text, '???')
  t.is(statusOf(GoVersion.ofMinor(26), 0x2000).text, '???', 'a bit that is not the scan bit is no status')
})

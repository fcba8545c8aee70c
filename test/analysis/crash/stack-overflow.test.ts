import test from 'ava'
import {describeThrow} from '../../../src/analysis/crash/crash-description.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {everyRelease, type ReleaseRows} from '../../support/release-rows.ts'

const EXCEEDS = 'runtime: goroutine stack exceeds 64000000-byte limit'
const SP = 'runtime: sp=0xc020100358 stack=[0xc020100000, 0xc040100000]'

/** runtime.newstack (Go, src/runtime/stack.go). */
const ROWS: ReleaseRows<readonly string[]> = [
  [7, [EXCEEDS]],
  [14, [EXCEEDS, SP]],
]

for (const {version, form} of everyRelease(ROWS)) {
  test(`${version.text}: what stands before a stack overflow`, t => {
    const process = {version, runtime: {state: {maxStackSize: 64_000_000n}}} as unknown as DeadProcess
    const goroutine = {
      signal: {number: 0},
      stack: {lo: 0xc020100000, hi: 0xc040100000},
      sched: {sp: 0xc020100360},
    } as unknown as Goroutine
    const {header} = describeThrow(process, goroutine, goroutine, 'stack overflow')
    t.deepEqual(header, [...form, 'fatal error: stack overflow'])
  })
}

function firstLine(minor: number, maxStackSize: bigint | undefined): string | undefined {
  const process = {version: GoVersion.ofMinor(minor), runtime: {state: {maxStackSize}}} as unknown as DeadProcess
  const goroutine = {signal: {number: 0}, stack: {lo: 0, hi: 0}, sched: {sp: 8}} as unknown as Goroutine
  return describeThrow(process, goroutine, goroutine, 'stack overflow').header[0]
}

test('a limit that is not known is not told', t => {
  t.is(firstLine(27, undefined), 'runtime: goroutine stack exceeds its limit (how many bytes is not in the core)')
})

test('since 1.17 there is a limit above any that a program sets', t => {
  t.is(firstLine(16, 2n ** 40n), 'runtime: goroutine stack exceeds 1099511627776-byte limit')
  t.is(firstLine(17, 2n ** 40n), 'runtime: goroutine stack exceeds 2000000000-byte limit')
})

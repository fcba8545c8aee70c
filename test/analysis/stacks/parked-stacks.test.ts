// The stacks of goroutines that are parked, by what others have in common with them, against a walk of each.
import test from 'ava'
import {examineProcess} from '../../../src/analysis/process/examine-process.ts'
import {GoroutineStacks} from '../../../src/analysis/stacks/goroutine-stacks.ts'
import {findStart} from '../../../src/analysis/stacks/goroutine-start.ts'
import {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import {withFixture} from '../../support/open-fixture.ts'

const CASES = ['blocked-fault-go1.15', 'blocked-fault-go1.27', 'busy-ancestors-go1.27', 'callback-parked-go1.27']

/** The second time every place is known. */
const PASSES = [1, 2] as const
const LEVELS = [1, 2] as const

for (const name of CASES) {
  test(`${name}: each goroutine has the frames that a walk of its stack gives`, async t => {
    await withFixture(name, (opened, diagnostics) => {
      const limits = {maxFrames: 1000, demangle: true, deadline: Deadline.never(diagnostics), diagnostics}
      const process = examineProcess(opened, limits)
      const [threads] = ThreadStacks.ofImages(process)
      if (!threads) return t.fail()
      for (const level of LEVELS) {
        const stacks = new GoroutineStacks(process, threads)
        const visibility = {version: process.version, level, whole: false}
        for (const pass of PASSES) {
          const alive = [...(process.runtime?.goroutines() ?? [])].filter(({isDead}) => !isDead)
          t.true(alive.length > 4)
          for (const goroutine of alive) {
            const request = {goroutine, visibility, cgoFrames: 'auto'} as const
            const walked = {...request, start: findStart(process, threads, goroutine)}
            t.deepEqual(stacks.assemble(request), stacks.assemble(walked), `goroutine ${goroutine.id}, pass ${pass}`)
          }
        }
      }
    })
  })
}

// Who is on a thread, and whether that is known.
import test from 'ava'
import {examineProcess} from '../../../src/analysis/process/examine-process.ts'
import {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'
import {withFixture} from '../../support/open-fixture.ts'

test('an M that waits for a goroutine inside of a callback runs none; which one it is kept for may be lost', async t => {
  await withFixture('callback-parked-go1.27', (opened, diagnostics) => {
    const deadline = Deadline.never(diagnostics)
    const process = examineProcess(opened, {maxFrames: 1000, demangle: true, deadline, diagnostics})
    const [threads] = ThreadStacks.ofImages(process)
    const parked = process.runtime?.machines.find(({curg, ncgo, lockedg}) => curg === 0 && ncgo > 0 && lockedg !== 0)
    const tid = parked && threads?.threadOf(parked)
    if (!threads || !parked || tid === undefined) return t.fail('no goroutine is parked')
    const knows = (fields: Partial<Machine>) => {
      const {curg, ncgo, lockedg} = parked
      return threads.knowsGoroutine(tid, {curg, ncgo, lockedg, ...fields} as Machine)
    }
    const lost = 0x10 as Machine['lockedg']
    t.true(knows({}))
    t.false(knows({lockedg: lost}))
    t.true(knows({lockedg: lost, ncgo: 0}), 'locked, and in no callback')
    t.false(knows({curg: lost}))
  })
})

// The time of a run is not the machine's: that is set, by a person or by NTP, while the run lasts.
import test from 'ava'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'

test.serial('a clock that is set leaves the time of a run as it is', t => {
  const {now} = Date
  t.teardown(() => {
    Date.now = now
  })
  const deadline = new Deadline(1000, new Diagnostics())
  for (const hours of [-24, 24]) {
    Date.now = () => now() + hours * 3_600_000
    t.false(deadline.isOver('the work'))
    t.true(deadline.left > 900_000 && deadline.left <= 1_000_000)
    t.true(deadline.leftAtMost > 1_100_000 && deadline.leftAtMost <= 1_200_000)
  }
})

test('of no time nothing is left, and what was not done is told once', t => {
  const diagnostics = new Diagnostics()
  const deadline = new Deadline(-1, diagnostics)
  t.deepEqual([deadline.isOver('a'), deadline.isOver('a'), deadline.left, deadline.hasStruck], [true, true, 0, true])
  t.like(diagnostics.list(), [{code: 'timeout', count: 1}])
  t.is(Deadline.never(diagnostics).left, Number.POSITIVE_INFINITY)
})

test('where another process ends this one, the time is over all the same, and no timer is set for it', t => {
  const deadline = new Deadline(-1, new Diagnostics(), true)
  t.true(deadline.isOver('the work'))
  t.deepEqual([deadline.left, deadline.leftAtMost], [0, Number.POSITIVE_INFINITY])
})

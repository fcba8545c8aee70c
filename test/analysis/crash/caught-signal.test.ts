// What the runtime keeps of the signal that it died of, after another one has come.
import test from 'ava'
import type {OpenProcess} from '../../../src/acquire/open-process.ts'
import {findCrashCause} from '../../../src/analysis/crash/crash-cause.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {examineProcess} from '../../../src/analysis/process/examine-process.ts'
import {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import type {Diagnostics} from '../../../src/base/diagnostics.ts'
import {layoutsFromTables} from '../../../src/runtime-model/layouts-by-version.ts'
import {withFixture} from '../../support/open-fixture.ts'

function examine(opened: OpenProcess, diagnostics: Diagnostics) {
  return examineProcess(opened, {maxFrames: 1000, demangle: true, deadline: Deadline.never(diagnostics), diagnostics})
}

function causeOf(process: DeadProcess) {
  const [threads] = ThreadStacks.ofImages(process)
  if (!threads) throw new Error('no threads')
  return findCrashCause(process, threads)
}

/** Puts a word in the place of what the core has at an address. */
function patch({addressSpace}: OpenProcess, at: number, word: number): void {
  const read = addressSpace.read.bind(addressSpace)
  addressSpace.read = (address, length) => {
    const bytes = read(address, length)?.slice()
    const offset = at - address
    if (bytes && offset >= 0 && offset + 8 <= length) {
      new DataView(bytes.buffer).setBigUint64(offset, BigInt(word), true)
    }
    return bytes
  }
}

test('a signal that came while the process was ending leaves gsignal as what the fault had found', async t => {
  await withFixture('cfault-abort-go1.27', (opened, diagnostics) => {
    const process = examine(opened, diagnostics)
    const before = causeOf(process)
    const {machine} = before
    const offset = layoutsFromTables(process.version).m.offset('caughtsig')
    if (!machine || offset === undefined) return t.fail('no M died')
    t.is(machine.caughtsig, machine.g0)
    patch(opened, machine.address + offset, machine.gsignal)
    const after = causeOf(examine(opened, diagnostics))
    t.is(after.machine?.caughtsig, machine.gsignal)
    t.true(after.duringCgo)
    t.deepEqual(after.header, before.header)
    t.is(after.goroutine?.id, before.goroutine?.id)
  })
})

test('a g0 on a stack of C’s making, beyond its bounds, is told from where the signal was', async t => {
  await withFixture('deaths-mcall-go1.21-nodwarf', (opened, diagnostics) => {
    const {machine, goroutine, start} = causeOf(examine(opened, diagnostics))
    if (!machine || !start) return t.fail('nobody died on a system stack')
    t.deepEqual([goroutine?.address, start.foundBy], [machine.g0, 'signal-frame'])
    // g.stack.lo, the first word of a g.
    patch(opened, machine.g0, start.sp + 0x1000)
    const beyond = causeOf(examine(opened, diagnostics))
    t.deepEqual([beyond.goroutine?.address, beyond.start], [machine.g0, start])
  })
})

test('what threw on a system stack, its program gone, keeps no signal of the goroutine that was there', async t => {
  await withFixture(
    'deaths-morestack-go1.27-nodwarf',
    (opened, diagnostics) => {
      const process = examine(opened, diagnostics)
      const {current, runtimeStack, header} = causeOf(process)
      const offset = layoutsFromTables(process.version).g.offset('sig')
      if (!current || offset === undefined) return t.fail('no goroutine was there')
      t.is(process.tables, undefined)
      t.not(runtimeStack, undefined)
      t.deepEqual(header, ['fatal error: (its text is not in the core)'])
      // A fault that had become a panic, whose deferred functions then had no room.
      patch(opened, current.address + offset, 11)
      const after = causeOf(examine(opened, diagnostics))
      t.is(after.current?.signal.number, 11)
      t.deepEqual([after.header, after.signal], [header, undefined])
    },
    import.meta.dirname,
  )
})

test('a panic that became a throw, its program gone, is a throw of which no text is known', async t => {
  await withFixture(
    'gopanic-nil-go1.24',
    (opened, diagnostics) => {
      const process = examine(opened, diagnostics)
      const {machine, kind} = causeOf(process)
      const offset = layoutsFromTables(process.version).m.offset('throwing')
      if (!machine || offset === undefined) return t.fail('no M died')
      t.deepEqual([process.tables, kind, machine.throwing], [undefined, 'panic', 0])
      patch(opened, machine.address + offset, 2)
      const after = causeOf(examine(opened, diagnostics))
      t.deepEqual([after.kind, after.message], ['fatal', null])
      t.is(after.header[0], 'fatal error: (its text is not in the core)')
    },
    import.meta.dirname,
  )
})

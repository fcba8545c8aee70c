// A Go program that has loaded a Go library: each has a runtime, and each runtime counts its goroutines and Ms from 1.
import {copyFileSync, mkdtempSync, rmSync, statSync, truncateSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {type Fixture, openFixture} from '../../lab/fixtures.ts'
import type {CgoReport, CoreReport, GoroutineReport, ThreadReport} from '../../src/report/core-report.ts'
import {analyse} from '../support/incomplete-process.ts'
import {runCommand} from '../support/run-command.ts'

const PANICS = ['guest-panic-go1.21-nosymbols', 'guest-panic-go1.27-nodwarf']
const FAULTS = ['guest-fault-go1.21-nosymbols', 'guest-fault-go1.27-nodwarf']
const AWAY = 'guest-away-go1.27-nodwarf'

interface Report extends Pick<CoreReport, 'go' | 'crash'> {
  goroutines: GoroutineReport[]
  threads: ThreadReport[]
  cgo: CgoReport
}

function answer(fixture: Fixture, command: string, args: readonly string[] = []): string {
  const files = ['-e', fixture.executable, '--sysroot', fixture.sysroot, '--quiet']
  const {stdout, stderr, exitCode} = runCommand([command, fixture.core, ...files, ...args])
  if (exitCode !== 0) throw new Error(`${command}: exit ${exitCode}: ${stderr}`)
  return stdout
}

async function report(name: string): Promise<Report> {
  return JSON.parse(answer(await openFixture(name), 'analyze', ['--json'])) as Report
}

const folder = mkdtempSync(join(tmpdir(), 'gotrace-images-'))
test.after.always(() => rmSync(folder, {recursive: true, force: true}))

/** The front part of a core. */
function cut({core}: Fixture, share: number): string {
  const path = join(folder, 'cut.core')
  copyFileSync(core, path)
  truncateSync(path, Math.floor(statSync(core).size * share))
  return path
}

/** `guest`, `libguest.so`. */
function nameOf(image: string | null): string | null {
  return image === null ? null : image.slice(image.lastIndexOf('/') + 1)
}

/** What the runtimes printed up to the relay of GOTRACEBACK=crash, a goroutine an entry. */
function printedBlocks(stderr: string): string[] {
  const [listing = ''] = stderr.split('\n-----\n')
  const ends = /\n(?=SIG[A-Z]+: |rax )/
  const blocks = listing.split('\n\n').map(block => block.split(ends)[0]?.trim() ?? '')
  return blocks.filter(block => /^goroutine \d+ /.test(block))
}

for (const name of [...PANICS, ...FAULTS]) {
  test(`${name}: what either runtime printed of its goroutines is there word for word`, async t => {
    const fixture = await openFixture(name)
    const {text} = await analyse(fixture)
    const ours = new Set(text.split('\n\n').map(block => block.trim()))
    const printed = printedBlocks(fixture.stderr)
    t.true(printed.length > 5)
    t.deepEqual(
      printed.filter(block => !ours.has(block)),
      [],
    )
  })
}

for (const name of PANICS) {
  test(`${name}: the crash is told by the runtime that died, though the other one handled its last signal`, async t => {
    const {go, crash, goroutines} = await report(name)
    t.deepEqual(
      go.images.map(({path}) => nameOf(path)),
      ['guest', 'libguest.so'],
    )
    t.is(nameOf(crash.image), 'libguest.so')
    t.is(crash.goroutine, 17)
    t.is(crash.message, 'guest: asked to')
    t.deepEqual(
      goroutines.map(({image, id}) => `${nameOf(image)} ${id === 1 || id === 17 ? id : 'other'}`),
      ['libguest.so 17', 'libguest.so other', 'guest 1', 'guest other'],
    )
  })

  test(`${name}: the stack goes from the library through C to the program's main.main`, async t => {
    const fixture = await openFixture(name)
    const stack = answer(fixture, 'analyze', ['--goroutine', '17'])
    const calls = stack.split('\n').filter(line => /^(main\.|guest_run|enter_guest|_cgo_)/.test(line))
    t.deepEqual(
      calls.map(line => line.replace(/\(0x.*|\(\)$/, '').replace(/_cgo_[0-9a-f]+_/, '_cgo_')),
      name.includes('nosymbols')
        ? [
            'main.(*request).serve',
            'main.guest_run',
            'guest_run',
            ...['main._Cfunc_enter_guest', 'main.enter', 'main.main'],
          ]
        : [
            ...['main.(*request).serve', 'main.guest_run', 'guest_run', '_cgo_Cfunc_enter_guest'],
            ...['main._Cfunc_enter_guest', 'main.enter', 'main.main'],
          ],
    )
    t.notRegex(stack, /frames are missing|the walk ends here|guessed/)
  })
}

for (const name of FAULTS) {
  test(`${name}: of a fault in C of the library the program's runtime dies, for the library's hands it on`, async t => {
    const {crash, goroutines, threads, cgo} = await report(name)
    t.deepEqual([nameOf(crash.image), crash.goroutine, crash.duringCgo], ['guest', 1, true])
    t.true(goroutines.every(({stop}) => stop === 'end-of-stack'))
    const [thread] = threads.filter(({id}) => id === crash.thread)
    t.deepEqual([nameOf(thread?.image ?? null), thread?.goroutine], ['guest', 1])
    t.deepEqual(
      thread?.alsoRuns.map(({image, goroutine}) => [nameOf(image), goroutine]),
      [['libguest.so', 17]],
    )
    t.deepEqual(
      cgo.calls.map(({image, goroutine}) => [nameOf(image), goroutine]),
      [
        ['guest', 1],
        ['libguest.so', 17],
      ],
    )
  })
}

for (const name of PANICS) {
  test(`${name}: without the program's file the library's panic is still the first death`, async t => {
    const {report: found, goroutines} = await analyse(await openFixture(name), {withoutExecutable: true})
    t.is(nameOf(found.crash.image), 'libguest.so')
    t.deepEqual([found.crash.message, found.crash.goroutine], ['guest: asked to', 17])
    t.deepEqual(
      goroutines.filter(({id}) => id === 1).map(({image}) => nameOf(image)),
      ['guest'],
    )
  })
}

test('in a core that lost both lists each goroutine is found once, with the runtime whose code it runs', async t => {
  const fixture = await openFixture('guest-panic-go1.27-nodwarf')
  const whole = await analyse(fixture)
  const {goroutines} = await analyse(fixture, {core: cut(fixture, 0.4)})
  const known = new Map(whole.goroutines.map(({address, id, image}) => [address, `${id} of ${nameOf(image)}`]))
  t.deepEqual(
    goroutines.filter(({address, id, image}) => known.get(address) !== `${id} of ${nameOf(image)}`),
    [],
  )
  t.is(new Set(goroutines.map(({address}) => address)).size, goroutines.length)
  t.true(goroutines.length > 4)
})

test(`${AWAY}: a thread of the library's own runtime is none of the program's`, async t => {
  const {crash, threads} = await report(AWAY)
  t.is(nameOf(crash.image), 'libguest.so')
  const thread = threads.find(({id}) => id === crash.thread)
  t.is(thread?.goroutine, crash.goroutine)
  t.is(thread?.stop, 'end-of-stack')
})

test('a goroutine that is asked for by its number is shown of each runtime that has it', async t => {
  const fixture = await openFixture('guest-panic-go1.27-nodwarf')
  const text = answer(fixture, 'analyze', ['--goroutine', '2', '--traceback', 'crash'])
  t.is(text.match(/^goroutine 2 /gm)?.length, 2)
  const listed = answer(fixture, 'goroutines', ['--state', 'chan receive'])
  t.deepEqual(listed.match(/^Go runtime of .*\/(\w+(\.so)?) \(go1\.27\.\d+\):$/gm)?.length, 2)
  t.regex(answer(fixture, 'goroutines', ['--group']), /^1 goroutine of \/\S+\/libguest\.so \[running\]: 17$/m)
})

test('info names both runtimes', async t => {
  const info = answer(await openFixture('guest-panic-go1.27-nodwarf'), 'info')
  t.regex(info, /^go +go1\.27\.\d+, symbols: symtab, a runtime of its own in \/\S+\/libguest\.so$/m)
})

for (const name of FAULTS) {
  test(`${name}: without the program's file nothing beyond the program's call of C is taken for its caller`, async t => {
    const {goroutines} = await analyse(await openFixture(name), {withoutExecutable: true, cgoFrames: 'auto'})
    const ofLibrary = goroutines.filter(({id, image}) => id === 17 && nameOf(image) === 'libguest.so')
    t.is(ofLibrary.length, 1)
    for (const {frames, missing, stop} of ofLibrary) {
      t.true(frames.some(({function: called}) => called === 'guest_run'))
      t.deepEqual(
        frames.filter(({function: called}) => called?.startsWith('__libc_start') || called === '_start'),
        [],
      )
      t.is(stop, 'no-unwind-info')
      t.true(missing.length > 0, 'the end is marked')
    }
  })
}

test('in a core that is cut no thread of the scheduler is on the goroutine that died', async t => {
  const fixture = await openFixture('guest-panic-go1.27-nodwarf')
  const whole = await analyse(fixture)
  for (const share of [0.25, 0.5, 0.75]) {
    const {report: part, goroutines} = await analyse(fixture, {core: cut(fixture, share)})
    const {thread, goroutine} = part.crash
    t.true(thread === null || thread === whole.report.crash.thread, `${share}: ${thread}`)
    t.true(goroutine === null || goroutine === whole.report.crash.goroutine, `${share}: ${goroutine}`)
    const elsewhere = goroutines.filter(({id, image, thread: on}) => {
      const same = whole.goroutines.find(other => other.id === id && other.image === image)
      return on !== null && same?.thread !== on
    })
    t.deepEqual(elsewhere, [], `${share}`)
  }
})

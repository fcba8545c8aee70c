import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {analyse} from '../support/incomplete-process.ts'

const BUILDS: readonly (readonly [fixture: string, what: string])[] = [
  ['hosted-fault-go1.27', 'Go in a shared library of a C program (c-shared)'],
  ['archived-fault-go1.27', 'Go linked into a C program (c-archive)'],
  ['plugged-fault-go1.27-nosymbols', 'a program and its plugin, both stripped: two moduledata'],
  ['linked-fault-go1.27-nosymbols', 'the runtime in a shared library (-linkshared), no symbols'],
  ['linked-panic-go1.27-nosymbols', 'the runtime in a shared library (-linkshared), no symbols'],
  ['cfault-segv-go1.27-race-nosymbols', 'the race detector'],
  ['cfault-segv-go1.27-v3-nosymbols', 'GOAMD64=v3'],
  ['cfault-segv-go1.27-static-pie-nosymbols', 'a static position-independent executable'],
  ['cfault-segv-go1.27-nosections', 'no section headers'],
  ['blocked-fault-go1.19-nosymbols', 'no symbols and no DWARF'],
  ['blocked-panic-go1.22-pie-nosymbols', 'position-independent, no symbols and no DWARF'],
  ['busy-ancestors-go1.27', 'GODEBUG=tracebackancestors'],
]

/**
 * What the runtime printed up to the relay of GOTRACEBACK=crash, from the crash's first line on, a goroutine an entry.
 */
function printedBlocks(stderr: string): string[] {
  const [listing = ''] = stderr.split('\n-----\n')
  const start = listing.search(/^(panic: |fatal error: |SIG[A-Z]+: |goroutine )/m)
  const blocks = listing.slice(start).split('\n\n')
  return blocks.map(block => block.trim()).filter(block => /^goroutine \d+ /.test(block))
}

for (const [name, what] of BUILDS) {
  test(`${name}: the goroutines are those that the runtime printed, word for word (${what})`, async t => {
    const fixture = await openFixture(name)
    const {text} = await analyse(fixture)
    const ours = new Set(text.split('\n\n').map(block => block.trim()))
    const printed = printedBlocks(fixture.stderr)
    t.true(printed.length > 3)
    const missing = printed.filter(block => !ours.has(block) && !block.includes('stack unavailable'))
    t.deepEqual(missing, [])
  })
}

test('the runtime of a program linked with -linkshared is found in its library, and the program describes itself', async t => {
  const {report} = await analyse(await openFixture('linked-panic-go1.27-nosymbols'))
  const {go, crash} = report
  t.deepEqual([go.main, go.version?.replace(/\.\d+$/, '')], ['gotrace.example/linked', 'go1.27'])
  t.regex(go.images[0]?.path ?? '', /\/libruntime,runtime-cgo,sync-atomic\.so$/)
  t.is(go.images.length, 1)
  t.deepEqual([crash.message, crash.goroutine], ['linked: asked to', 1])
})

test('a program without its file whose runtime is in a library is no runtime of its own', async t => {
  const fixture = await openFixture('linked-panic-go1.27-nosymbols')
  const {report, goroutines} = await analyse(fixture, {withoutExecutable: true})
  t.is(report.go.images.length, 1)
  const printed = printedBlocks(fixture.stderr).map(block => /^goroutine (\d+) /.exec(block)?.[1])
  t.deepEqual(
    goroutines.filter(({id}) => id > 0).map(({id}) => `${id}`),
    printed,
  )
})

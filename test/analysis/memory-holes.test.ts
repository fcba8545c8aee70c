// Thread stacks that the core's writer could not read, and wrote as zeros: nothing is read out of them.
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {FileSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {CoreFile} from '../../src/elf/core-file.ts'
import {COMMAND_NAMES, type CommandName, EVERY_COMMAND} from '../support/every-command.ts'
import {zeroStacks} from '../support/zeroed-stacks.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-holes-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

async function ask<Name extends CommandName>(command: Name, name: string, core?: string) {
  const fixture = await openFixture(name)
  const diagnostics = new Diagnostics()
  const dead = await openProcess(core ?? fixture.core, {
    exe: fixture.executable,
    sysroots: [fixture.sysroot],
    diagnostics,
  })
  try {
    return EVERY_COMMAND[command](dead, diagnostics) as ReturnType<(typeof EVERY_COMMAND)[Name]>
  } finally {
    dead.close()
  }
}

async function withHoles(name: string, share = 0): Promise<{core: string; zeroed: number[]}> {
  const core = join(mkdtempSync(join(directory, 'case')), 'core')
  return {core, zeroed: zeroStacks((await openFixture(name)).core, core, share)}
}

for (const name of ['blocked-fault-go1.15', 'callback-deep-go1.24', 'blocked-gcore-go1.27']) {
  test(`${name}: threads whose stacks are zeros run what they ran, as far as the rest tells`, async t => {
    const {core, zeroed} = await withHoles(name)
    t.true(zeroed.length > 1)
    const whole = new Map((await ask('threads', name)).threads.map(thread => [thread.id, thread]))
    const {threads, isComplete, diagnostics} = await ask('threads', name, core)
    for (const thread of threads) {
      const before = whole.get(thread.id)
      t.deepEqual([thread.m, thread.goroutine], [before?.m, before?.goroutine], `thread ${thread.id}`)
      const isWhole = thread.frames.length === before?.frames.length
      t.true(isWhole || thread.stop !== 'end-of-stack' || thread.missing.length > 0, `thread ${thread.id}`)
    }
    t.false(isComplete)
    t.deepEqual(
      diagnostics.filter(({code}) => code === 'memory-hole').map(({count}) => count),
      [1],
    )
  })
}

test('every command tells of the holes, and no answer is whole', async t => {
  const name = 'callback-parked-go1.27'
  const {core, zeroed} = await withHoles(name)
  for (const command of COMMAND_NAMES) {
    const {isComplete, diagnostics} = await ask(command, name, core)
    t.false(isComplete, command)
    t.is(diagnostics.filter(({code}) => code === 'memory-hole').length, 1, command)
  }
  const {memory} = await ask('info', name, core)
  t.deepEqual(
    memory.missingParts.map(({what}) => what),
    zeroed.map(tid => `memory of thread ${tid}`),
  )
})

test('the part of a mapping that the writer could read is read', async t => {
  const name = 'blocked-gcore-go1.27'
  const [all, half] = [await withHoles(name), await withHoles(name, 0.5)]
  const holesOf = (core: string) => CoreFile.open(FileSource.open(core), new Diagnostics()).holes
  t.deepEqual(
    holesOf(half.core).map(({end, tid}) => [end, tid]),
    holesOf(all.core).map(({end, tid}) => [end, tid]),
  )
})

test('arguments that lie in a hole are unknown', async t => {
  const name = 'blocked-fault-go1.15'
  const {core, zeroed} = await withHoles(name)
  const threads = (await ask('threads', name, core)).threads.filter(({id}) => zeroed.includes(id))
  const futex = threads.flatMap(({frames}) => frames).filter(({function: called}) => called === 'runtime.futex')
  t.true(futex.length > 0)
  for (const {args} of futex) t.true(args === null || !/\d/.test(args), args ?? '')
})

test('no committed core has a hole', async t => {
  for (const name of fixtureNames(/^(deaths|blocked|busy|hosted|stuck)-/)) {
    const source = FileSource.open((await openFixture(name)).core)
    t.deepEqual(CoreFile.open(source, new Diagnostics()).holes, [], name)
    source.close()
  }
})

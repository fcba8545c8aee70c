// A core, or a program, that is changed while it is read: nothing of it is taken for what it was, and every command
// says so.
import {appendFileSync, copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, utimesSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {COMMAND_NAMES, type CommandName, EVERY_COMMAND} from '../support/every-command.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-changed-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

interface Files {
  core: string
  exe: string
}

/** What a command answers where `change` befalls the files after they were opened. */
async function answerAfter<Name extends CommandName>(command: Name, change: (files: Files) => void) {
  const fixture = await openFixture('cfault-segv-go1.27')
  const own = mkdtempSync(join(directory, command))
  const core = join(own, 'core')
  const exe = join(own, 'program')
  copyFileSync(fixture.core, core)
  copyFileSync(fixture.executable, exe)
  const diagnostics = new Diagnostics()
  const dead = await openProcess(core, {exe, sysroots: [fixture.sysroot], diagnostics})
  try {
    change({core, exe})
    return EVERY_COMMAND[command](dead, diagnostics) as ReturnType<(typeof EVERY_COMMAND)[Name]>
  } finally {
    dead.close()
  }
}

const cutShort = ({core}: Files) => truncateSync(core, Math.floor(statSync(core).size * 0.6))

async function checkTold(t: ExecutionContext, command: CommandName, change: (files: Files) => void): Promise<void> {
  const {diagnostics, isComplete} = await answerAfter(command, change)
  const told = diagnostics.filter(({code}) => code === 'file-changed')
  t.deepEqual(
    told.map(({count}) => count),
    [1],
    command,
  )
  t.false(isComplete, command)
}

test('every command tells of a core that became shorter while it was read, and no answer is whole then', async t => {
  for (const command of COMMAND_NAMES) await checkTold(t, command, cutShort)
})

const CHANGES: Readonly<Record<string, (files: Files) => void>> = {
  'a core that loses all but its header': ({core}) => truncateSync(core, 64),
  'a core that grows': ({core}) => appendFileSync(core, new Uint8Array(4096)),
  'a core that is written anew': ({core}) => utimesSync(core, 1, 1),
  'a program that becomes shorter': ({exe}) => truncateSync(exe, 4096),
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what} while it is read is told of`, async t => checkTold(t, 'info', change))
}

test('files that stay as they are are whole', async t => {
  const {diagnostics, isComplete} = await answerAfter('cgo', () => {})
  t.deepEqual(diagnostics, [])
  t.true(isComplete)
})

test('what a core has lost is not read as zeros', async t => {
  const whole = await answerAfter('threads', () => {})
  const part = await answerAfter('threads', cutShort)
  const framesOf = ({threads}: typeof whole) => new Map(threads.map(thread => [thread.id, thread]))
  const before = framesOf(whole)
  for (const [id, {frames, stop}] of framesOf(part)) {
    const isWhole = frames.length === before.get(id)?.frames.length
    t.true(isWhole || stop !== 'end-of-stack', `thread ${id}: ${frames.length} frames, then ${stop}`)
  }
})

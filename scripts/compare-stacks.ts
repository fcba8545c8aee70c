/**
 * Holds `threads` against gdb and eu-stack, thread by thread and frame by frame: the pcs of the frames, innermost first, up to where
 * the Go runtime had changed stacks. Where gdb and eu-stack agree we must say the same; where they differ we must agree with one of them.
 *
 *   npm run compare:stacks -- [--native DIRECTORY] [--only PATTERN] [--show N] [CORE…]
 *
 * Without cores: programs of its own, built and crashed in DIRECTORY (default: a temporary one that is kept).
 */
import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {parseArgs} from 'node:util'
import {openProcess} from '../src/acquire/open-process.ts'
import {analyzeThreads} from '../src/analysis/analyze-threads.ts'
import {Diagnostics} from '../src/base/diagnostics.ts'
import {makeNativeCrashes, type NativeCrash} from './native-crashes.ts'

interface Frame {
  pc: string
  name: string | null
}
type Stacks = Map<number, Frame[]>

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    native: {type: 'string', default: join(tmpdir(), 'gotrace-core-native')},
    only: {type: 'string', default: ''},
    show: {type: 'string', default: '12'},
  },
})

/** Where ours go on on another stack is the end of what other tools can be asked about. */
async function ourStacks({core, executable}: NativeCrash): Promise<Stacks> {
  const diagnostics = new Diagnostics()
  const dead = await openProcess(core, {exe: executable, diagnostics})
  try {
    const tool = {name: 'gotrace-core', version: '0'}
    const deadline = Number.POSITIVE_INFINITY
    const options = {tool, maxFrames: 400, demangle: true, deadline, diagnostics, threads: undefined}
    const stacks: Stacks = new Map()
    for (const {id, frames} of analyzeThreads(dead, options).threads) {
      const end = frames.findIndex(({foundBy}) => foundBy === 'stack-switch')
      const native = end < 0 ? frames : frames.slice(0, end)
      const physical = native.filter(({inlined}) => !inlined)
      stacks.set(
        id,
        physical.map(({pc, function: name}) => ({pc: pc ?? '?', name})),
      )
      if (end >= 0 || frames.at(-1)?.kind === 'go') endsInGo.add(id)
      counts.frames += physical.length
    }
    return stacks
  } finally {
    dead.close()
  }
}

let endsInGo = new Set<number>()

const GDB_SCRIPT = `
import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    print("THREAD", thread.ptid[1])
    frame = gdb.newest_frame()
    count = 0
    while frame is not None and count < 400:
        if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            print("FRAME", hex(frame.pc()), frame.name() or "?")
        count += 1
        try:
            frame = frame.older()
        except gdb.error:
            break
`

function gdbStacks({core, executable}: NativeCrash): Stacks {
  const script = `python exec(${JSON.stringify(GDB_SCRIPT)})`
  const settings = ['set debuginfod enabled off', 'set backtrace past-main on', 'set backtrace past-entry on']
  const args = ['-nx', '-batch', ...[...settings, script].flatMap(command => ['-ex', command]), executable, core]
  const {stdout} = spawnSync('gdb', args, {encoding: 'utf8', maxBuffer: 1 << 28, timeout: 120_000})
  const stacks: Stacks = new Map()
  let frames: Frame[] = []
  for (const line of stdout.split('\n')) {
    const [word, value = '', ...rest] = line.split(' ')
    if (word === 'THREAD') {
      frames = []
      stacks.set(Number(value), frames)
    } else if (word === 'FRAME') frames.push({pc: value, name: rest.join(' ')})
  }
  return stacks
}

function euStacks({core, executable}: NativeCrash): Stacks {
  const args = [`--core=${core}`, `--executable=${executable}`, '-n', '400']
  const {stdout} = spawnSync('eu-stack', args, {encoding: 'utf8', maxBuffer: 1 << 28, timeout: 120_000})
  const stacks: Stacks = new Map()
  let frames: Frame[] = []
  for (const line of stdout.split('\n')) {
    const thread = /^TID (\d+):/.exec(line)
    if (thread) {
      frames = []
      stacks.set(Number(thread[1]), frames)
    }
    const frame = /^#\d+\s+0x([0-9a-f]+)(?:\s+-\s+\d+)?\s*(.*)$/.exec(line)
    if (frame) frames.push({pc: `0x${BigInt(`0x${frame[1]}`).toString(16)}`, name: frame[2] ?? null})
  }
  return stacks
}

/** Whether two walks tell the same. Other tools walk on below _start and clone, and over the end of a Go stack. */
function agree(ours: readonly Frame[], theirs: readonly Frame[], intoGo: boolean): boolean {
  const expected = [...theirs]
  while (expected.length > 1 && expected.at(-1)?.pc === '0x0') expected.pop()
  if (intoGo ? expected.length < ours.length : expected.length !== ours.length) return false
  return ours.every(({pc}, index) => expected[index]?.pc === pc)
}

function show(title: string, frames: readonly Frame[] | undefined): void {
  console.log(`    ${title}:`)
  for (const {pc, name} of (frames ?? []).slice(0, Number(flags.show))) console.log(`      ${pc} ${name ?? '?'}`)
}

const counts = {both: 0, gdb: 0, eu: 0, neither: 0, frames: 0}

async function compare(crash: NativeCrash): Promise<void> {
  endsInGo = new Set()
  const ours = await ourStacks(crash)
  const gdb = gdbStacks(crash)
  const eu = euStacks(crash)
  for (const [tid, frames] of ours) {
    const intoGo = endsInGo.has(tid)
    const withGdb = agree(frames, gdb.get(tid) ?? [], intoGo)
    const withEu = agree(frames, eu.get(tid) ?? [], intoGo)
    counts[withGdb ? (withEu ? 'both' : 'gdb') : withEu ? 'eu' : 'neither']++
    if (withGdb || withEu) continue
    console.log(`${crash.name}: thread ${tid}`)
    show('ours', frames)
    show('gdb', gdb.get(tid))
    show('eu-stack', eu.get(tid))
  }
}

function namedCore(core: string): NativeCrash {
  const directory = dirname(core)
  const executable = existsSync(join(directory, 'exe')) ? join(directory, 'exe') : ''
  return {name: core, core, executable}
}

const crashes =
  positionals.length > 0 ? positionals.map(namedCore) : makeNativeCrashes(flags.native, new RegExp(flags.only))
for (const crash of crashes) await compare(crash)
const total = counts.both + counts.gdb + counts.eu + counts.neither
console.log(
  `${crashes.length} cores, ${total} threads, ${counts.frames} frames: ${counts.both} as both, ${counts.gdb} as gdb alone, ${counts.eu} as eu-stack alone, ${counts.neither} as neither`,
)

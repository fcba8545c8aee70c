/**
 * Holds the built command's `threads --json` against gdb and eu-stack, thread by thread and frame by frame: the pcs of
 * the frames, innermost first, up to where the Go runtime had changed stacks, then names and inlined calls as gdb has
 * them. Where gdb and eu-stack agree we must say the same; where they differ we must agree with one of them.
 *
 *   npm run compare:stacks -- [--native DIRECTORY] [--only PATTERN] [--show N] [--all] [--names] [CORE…]
 *
 * Without cores: programs of its own, built and crashed in DIRECTORY (default: a temporary one that is kept). --all
 * shows stacks that agree with one of the two alone or go further than both, too; --names frames that gdb names in
 * another way.
 */
import {execFile} from 'node:child_process'
import {existsSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs, promisify} from 'node:util'
import {makeNativeCrashes, type NativeCrash} from './native-crashes.ts'

const PROGRAM = fileURLToPath(new URL('../bin/run.cjs', import.meta.url))
const FRAME_LIMIT = 400

/** A physical frame with the functions that were inlined into it, innermost first. */
interface Frame {
  pc: string
  names: string[]
  foundBy?: string | undefined
}
interface Stack {
  frames: Frame[]
  /** Where ours go on on another stack, or in Go, is the end of what other tools can be asked about. */
  intoGo?: boolean
  stop?: string | undefined
}
type Stacks = Map<number, Stack>

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    native: {type: 'string', default: join(tmpdir(), 'gotrace-core-native')},
    only: {type: 'string', default: ''},
    show: {type: 'string', default: '12'},
    all: {type: 'boolean', default: false},
    names: {type: 'boolean', default: false},
  },
})

const run = promisify(execFile)

async function output(program: string, args: readonly string[]): Promise<string> {
  try {
    const {stdout} = await run(program, args, {maxBuffer: 2 ** 28, timeout: 120_000})
    return stdout
  } catch (error) {
    // Tools that found only a part say so by their exit code.
    return (error as {stdout?: string}).stdout ?? ''
  }
}

interface JsonFrame {
  pc: string
  function: string | null
  inlined: boolean
  foundBy: string
  kind: string
}

async function ourStacks({core, executable}: NativeCrash): Promise<Stacks> {
  const named = executable === '' ? [] : ['--exe', executable]
  const json = await output(process.execPath, [
    PROGRAM,
    'threads',
    core,
    '--json',
    '--max-frames',
    `${FRAME_LIMIT}`,
    ...named,
  ])
  const stacks: Stacks = new Map()
  if (json === '') return stacks
  const {threads} = JSON.parse(json) as {threads: {id: number; frames: JsonFrame[]; stop: string}[]}
  for (const {id, frames: all, stop} of threads) {
    // Of gdb's stacks those that left by a jump are left out too: eu-stack has none.
    const frames = all.filter(({foundBy}) => foundBy !== 'tail-call')
    const end = frames.findIndex(({foundBy}) => foundBy === 'stack-switch')
    const stack: Stack = {frames: [], intoGo: end >= 0 || frames.at(-1)?.kind === 'go', stop}
    let names: string[] = []
    for (const {pc, function: name, inlined, foundBy} of end < 0 ? frames : frames.slice(0, end)) {
      names.push(name ?? '?')
      if (inlined) continue
      stack.frames.push({pc, names, foundBy})
      names = []
    }
    stacks.set(id, stack)
  }
  return stacks
}

const GDB_SCRIPT = `
import gdb
for thread in gdb.selected_inferior().threads():
    thread.switch()
    print("THREAD", thread.ptid[1])
    frame = gdb.newest_frame()
    count = 0
    while frame is not None and count < ${FRAME_LIMIT}:
        if frame.type() != gdb.TAILCALL_FRAME:
            print("INLINE" if frame.type() == gdb.INLINE_FRAME else "FRAME", hex(frame.pc()), frame.name() or "?")
        if frame.type() != gdb.INLINE_FRAME: count += 1
        try:
            frame = frame.older()
        except gdb.error:
            break
`

async function gdbStacks({core, executable}: NativeCrash): Promise<Stacks> {
  const script = `python exec(${JSON.stringify(GDB_SCRIPT)})`
  const settings = ['set debuginfod enabled off', 'set backtrace past-main on', 'set backtrace past-entry on']
  const commands = [...settings, ...(executable === '' ? [`core-file ${core}`] : []), script]
  const files = executable === '' ? [] : [executable, core]
  const stdout = await output('gdb', ['-nx', '-batch', ...commands.flatMap(command => ['-ex', command]), ...files])
  const stacks: Stacks = new Map()
  let stack: Stack = {frames: []}
  let names: string[] = []
  for (const line of stdout.split('\n')) {
    const [word, value = '', ...rest] = line.split(' ')
    if (word === 'THREAD') {
      stack = {frames: []}
      stacks.set(Number(value), stack)
      names = []
    }
    if (word !== 'FRAME' && word !== 'INLINE') continue
    names.push(rest.join(' '))
    if (word === 'INLINE') continue
    stack.frames.push({pc: value, names})
    names = []
  }
  return stacks
}

async function euStacks({core, executable}: NativeCrash): Promise<Stacks> {
  const named = executable === '' ? [] : [`--executable=${executable}`]
  const stdout = await output('eu-stack', [`--core=${core}`, ...named, '-n', `${FRAME_LIMIT}`])
  const stacks: Stacks = new Map()
  let stack: Stack = {frames: []}
  for (const line of stdout.split('\n')) {
    const thread = /^TID (\d+):/.exec(line)
    if (thread) {
      stack = {frames: []}
      stacks.set(Number(thread[1]), stack)
    }
    const frame = /^#\d+\s+0x([0-9a-f]+)(?:\s+-\s+\d+)?\s*(.*)$/.exec(line)
    if (frame) stack.frames.push({pc: `0x${BigInt(`0x${frame[1]}`).toString(16)}`, names: [frame[2] ?? '?']})
  }
  return stacks
}

/** Whether two walks tell the same. Other tools walk on below _start and clone, and over the end of a Go stack. */
function agree(ours: Stack, theirs: Stack | undefined): boolean {
  const expected = [...(theirs?.frames ?? [])]
  while (expected.length > 1 && expected.at(-1)?.pc === '0x0') expected.pop()
  const {frames, intoGo} = ours
  if (intoGo ? expected.length < frames.length : expected.length !== frames.length) return false
  return frames.every(({pc}, index) => expected[index]?.pc === pc)
}

/**
 * Whether theirs is a part of ours that ends earlier; what they print in place of a frame that they cannot find is no
 * frame.
 */
function isPartOf(theirs: Stack | undefined, ours: Stack): boolean {
  const frames = theirs?.frames ?? []
  const common = frames.findIndex(({pc}, index) => ours.frames[index]?.pc !== pc)
  return common < 0
    ? frames.length <= ours.frames.length
    : common > 0 && frames.slice(common).every(({names}) => names[0] === '?')
}

/** The last part of a qualified name, without parameters: tools differ in how much of the rest they print. */
function plainName(name: string): string {
  const anonymous = name.replace(
    /\(anonymous namespace\)|\{lambda.*?\}|\{closure[^}]*\}|<lambda.*?>|\{\{closure\}\}/g,
    'x',
  )
  let plain = anonymous.replace(/operator(<<|>>|<=>|<=|>=|<|>|\(\)|->)/g, 'operator')
  for (let before = ''; before !== plain; ) {
    before = plain
    plain = plain.replace(/<[^<>]*>|\([^()]*\)/g, '')
  }
  return (
    plain
      .replace(/@.*| const$| \[.*$|\.(cold|part|isra|constprop).*$/g, '')
      .trim()
      .split(/::|\s/)
      .at(-1) ?? ''
  )
}

function nameDifferences({frames}: Stack, theirs: Stack | undefined): string[] {
  return frames.flatMap(({pc, names}, index) => {
    const other = theirs?.frames[index]
    if (other?.pc !== pc || other.names[0] === '<signal handler called>') return []
    if (other.names.map(plainName).join() === names.map(plainName).join()) return []
    return [`${pc}\n        ours ${names.join(' < ')}\n        gdb  ${other.names.join(' < ')}`]
  })
}

function show(title: string, stack: Stack | undefined): void {
  console.log(`    ${title}:${stack?.stop === undefined ? '' : ` (${stack.stop})`}`)
  for (const {pc, names, foundBy} of (stack?.frames ?? []).slice(0, Number(flags.show))) {
    console.log(`      ${pc} ${names.at(-1) ?? '?'}${foundBy === undefined ? '' : ` [${foundBy}]`}`)
  }
}

const counts = {both: 0, gdb: 0, eu: 0, further: 0, neither: 0, againstBoth: 0, frames: 0, names: 0}

async function compare(crash: NativeCrash): Promise<void> {
  const [ours, gdb, eu] = await Promise.all([ourStacks(crash), gdbStacks(crash), euStacks(crash)])
  const shown = new Set<string>()
  if (ours.size === 0) console.log(`${crash.name}: no answer`)
  for (const [tid, stack] of ours) {
    const theirs = {gdb: gdb.get(tid), eu: eu.get(tid)}
    const judged = judge(stack, theirs)
    count(stack, judged)
    // Threads that wait in one place are one case.
    const place = stack.frames.map(({pc}) => pc).join()
    const isNew = !shown.has(place)
    shown.add(place)
    tell(`${crash.name}: thread ${tid}`, stack, theirs, judged, isNew)
  }
}

interface Theirs {
  gdb: Stack | undefined
  eu: Stack | undefined
}

interface Judged {
  verdict: 'both' | 'gdb' | 'eu' | 'further' | 'neither'
  /** The other two agree with each other, and not with us. */
  isAlone: boolean
  differences: string[]
}

function judge(stack: Stack, {gdb, eu}: Theirs): Judged {
  const withEu = agree(stack, eu)
  const isFurther = isPartOf(gdb, stack) && isPartOf(eu, stack)
  const withoutGdb = withEu ? 'eu' : isFurther ? 'further' : 'neither'
  const verdict = agree(stack, gdb) ? (withEu ? 'both' : 'gdb') : withoutGdb
  const isAlone = verdict === 'neither' && gdb !== undefined && agree(gdb, eu)
  return {verdict, isAlone, differences: nameDifferences(stack, gdb)}
}

function count(stack: Stack, {verdict, isAlone, differences}: Judged): void {
  counts.frames += stack.frames.length
  counts[verdict]++
  if (isAlone) counts.againstBoth++
  counts.names += differences.length
}

function tell(title: string, stack: Stack, theirs: Theirs, judged: Judged, isNew: boolean): void {
  const {verdict, isAlone, differences} = judged
  const isShown = isNew && (verdict === 'neither' || (flags.all && verdict !== 'both'))
  if (isShown || (flags.names && differences.length > 0)) {
    console.log(`${title}: as ${verdict}${isAlone ? ', AGAINST BOTH' : ''}`)
  }
  if (flags.names) for (const difference of differences) console.log(`      ${difference}`)
  if (!isShown) return
  show('ours', stack)
  show('gdb', theirs.gdb)
  show('eu-stack', theirs.eu)
}

function namedCore(core: string): NativeCrash {
  const directory = dirname(core)
  const executable = existsSync(join(directory, 'exe')) ? join(directory, 'exe') : ''
  return {name: core, core, executable}
}

let cores = 0
for (const crash of positionals.length > 0
  ? positionals.map(namedCore)
  : makeNativeCrashes(flags.native, new RegExp(flags.only))) {
  cores++
  await compare(crash)
}
const threads = counts.both + counts.gdb + counts.eu + counts.further + counts.neither
console.log(
  `${cores} cores, ${threads} threads, ${counts.frames} frames: ${counts.both} as both, ${counts.gdb} as gdb alone, ` +
    `${counts.eu} as eu-stack alone, ${counts.further} further than both, ${counts.neither} as neither (${counts.againstBoth} against both); ` +
    `${counts.names} frames that gdb names in another way`,
)

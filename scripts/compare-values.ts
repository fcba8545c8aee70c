/**
 * Holds the variables of `threads --values --json` against gdb (C, C++, Rust) and those of `analyze --values --json`
 * against Delve (Go), variable by variable, on crashes of programs that it builds (scripts/values).
 *
 *   npm run compare:values -- [--directory DIRECTORY] [--only PATTERN] [--delve PROGRAM] [--show N] [--more]
 *
 * right: the same; missing: the debugger has a value and we have none, or less; wrong: both have one, and they differ;
 * more: we have one and the debugger has none (--more lists them: each must be proven by the source); refused: it was
 * in a register that the callee may have changed and that nobody saved, of which gdb shows what is in it now.
 */
import {execFileSync, spawnSync} from 'node:child_process'
import {cpSync, existsSync, mkdirSync, rmSync} from 'node:fs'
import {homedir, tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {gotrace} from '../lab/gotrace.ts'
import {type DelveFrame, delveStacks} from './values/delve.ts'
import {compareDelve, compareGdb, type Data, type Verdict} from './values/verdict.ts'

const SOURCES = fileURLToPath(new URL('values', import.meta.url))
const {values: flags} = parseArgs({
  options: {
    directory: {type: 'string', default: join(tmpdir(), 'gotrace-core-values')},
    only: {type: 'string', default: ''},
    delve: {type: 'string', default: 'dlv'},
    show: {type: 'string', default: '10'},
    more: {type: 'boolean', default: false},
  },
})

interface Build {
  readonly name: string
  readonly kind: 'native' | 'go'
  readonly source: string
  readonly command: readonly string[]
  readonly environment?: Record<string, string>
}

function* builds(): Generator<Build> {
  for (const compiler of ['gcc', 'clang']) {
    for (const options of [
      '-O0',
      '-O1',
      '-O2',
      '-O3',
      '-Os',
      '-O2 -gdwarf-4',
      '-O1 -gdwarf-2',
      '-O2 -gsplit-dwarf',
      '-O2 -gdwarf-4 -gsplit-dwarf',
      '-O2 -flto',
      '-O1 -static',
      '-O2 -gz',
      '-Og -m64 -fno-omit-frame-pointer',
    ]) {
      yield native(`${compiler}${options}`, 'variables.c', [compiler, '-g', ...options.split(' ')])
    }
  }
  for (const compiler of ['g++', 'clang++']) {
    for (const level of ['-O0', '-O1', '-O2', '-O3']) {
      yield native(`${compiler}${level}`, 'variables.cc', [compiler, '-g', level, '-std=c++17'])
    }
  }
  for (const level of ['0', '2', '3']) {
    yield native(`rustc-O${level}`, 'variables.rs', ['rustc', '-g', '-C', `opt-level=${level}`, '-C', 'panic=abort'])
  }
  for (const version of ['1.21', '1.24', '1.25', '1.26', '1.27']) {
    yield go(version, [])
    yield go(version, ['-gcflags=all=-N -l'])
    yield go(version, ['-buildmode=pie'])
    yield go(version, [], 'go-more')
    yield go(version, ['-gcflags=all=-N -l'], 'go-more')
  }
}

function native(name: string, source: string, command: readonly string[]): Build {
  return {name: name.replaceAll(' ', ''), kind: 'native', source, command: [...command, '-o', 'prog', source]}
}

function go(version: string, options: readonly string[], source = 'go'): Build {
  const root = join(process.env.GOROOTS ?? join(homedir(), '.local/go-toolchains'), version)
  const name = `${source}${version}${options.join('').replace(/[^\w-]/g, '')}`
  const environment = {GOROOT: root, GOTOOLCHAIN: 'local', GOPROXY: 'off', GOFLAGS: '-mod=mod'}
  const command = [join(root, 'bin/go'), 'build', ...options, '-o', 'prog', '.']
  return {name, kind: 'go', source, command, environment}
}

/** Builds and crashes a program in a directory of its own; false where that cannot be had here. */
function crash({name, source, command, environment}: Build): string | undefined {
  const directory = join(flags.directory, name)
  if (existsSync(join(directory, 'core'))) return directory
  rmSync(directory, {recursive: true, force: true})
  mkdirSync(directory, {recursive: true})
  cpSync(join(SOURCES, source), source.startsWith('go') ? directory : join(directory, source), {recursive: true})
  const [program = '', ...options] = command
  const libraries = source.endsWith('.c') ? ['-lm', '-pthread'] : []
  const made = spawnSync(program, [...options, ...libraries], {
    cwd: directory,
    env: {...process.env, ...environment},
    encoding: 'utf8',
  })
  if (made.status !== 0) {
    console.log(`${name}: not built: ${(made.stderr ?? String(made.error)).split('\n', 1)[0]}`)
    return undefined
  }
  const shell = 'ulimit -c unlimited; exec timeout 20 env -i GOTRACEBACK=crash ./prog one two >out 2>err'
  spawnSync('bash', ['-c', shell], {cwd: directory})
  if (existsSync(join(directory, 'core'))) return directory
  console.log(`${name}: left no core: kernel.core_pattern must be "core"`)
  return undefined
}

interface OurFrame {
  pc: string | null
  function: string | null
  inlined: boolean
  variables?: {name: string | null; kind: string; state: string; value: string; structured: Data}[] | null
}

const DEEP = ['--value-depth', '20', '--value-elements', '64', '--value-bytes', '64']

function compareNative(directory: string): Verdict[] {
  const [prog, core] = [join(directory, 'prog'), join(directory, 'core')]
  const script = join(SOURCES, 'gdb_variables.py')
  const out = execFileSync('gdb', ['-nx', '-batch', '-x', script, prog, core], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const line = out.split('\n').find(each => each.startsWith('VARIABLES '))
  if (!line) throw new Error('gdb said nothing')
  const theirs = JSON.parse(line.slice('VARIABLES '.length)) as {thread: number; frames: GdbFrame[]}[]
  const answer = gotrace(['threads', core, '-e', prog, '--json', '--values=all', ...DEEP])
  const {threads} = JSON.parse(answer.stdout) as {threads: {id: number; frames: OurFrame[]}[]}
  return theirs.flatMap(({thread, frames}) => {
    const ours = threads.find(({id}) => id === thread)?.frames ?? []
    return pairFrames(frames, ours).flatMap(([their, our]) =>
      (their.variables ?? []).map(variable => compareGdb(`${their.function}`, variable, our?.variables ?? [])),
    )
  })
}

interface GdbFrame {
  function: string | null
  pc: string
  variables: {name: string; argument: boolean; type: string; value: Data}[] | null
}

/** Frames of one pc stand in the same order in both. */
function pairFrames(theirs: readonly GdbFrame[], ours: readonly OurFrame[]): [GdbFrame, OurFrame | undefined][] {
  const used = new Set<OurFrame>()
  return theirs.map(frame => {
    const our = ours.find(each => each.pc === frame.pc && !used.has(each))
    if (our) used.add(our)
    return [frame, our]
  })
}

async function compareGo(directory: string): Promise<Verdict[]> {
  const answer = gotrace(['analyze', join(directory, 'core'), '-e', join(directory, 'prog'), '--json', '--values=all'])
  const {goroutines} = JSON.parse(answer.stdout) as {goroutines: {id: number; frames: OurFrame[]}[]}
  const wanted = goroutines.map(({id}) => id).filter(id => id > 0)
  const stacks = await delveStacks(flags.delve, directory, wanted)
  const verdicts: Verdict[] = []
  for (const [id, frames] of stacks ?? []) {
    const ours = (goroutines.find(each => each.id === id)?.frames ?? []).filter(({variables}) => variables)
    verdicts.push(...compareGoStack(frames, ours))
  }
  return verdicts
}

function compareGoStack(theirs: readonly DelveFrame[], ours: readonly OurFrame[]): Verdict[] {
  const used = new Set<OurFrame>()
  return theirs.flatMap(frame => {
    const name = frame.function?.name ?? ''
    const bare = (text: string) => text.replace(/\[[^\]]*\]/g, '[...]')
    const isSame = ({pc, function: own}: OurFrame) =>
      pc !== null && Math.abs(Number(pc) - frame.pc) <= 1 && own !== null && bare(own) === bare(name)
    const our = ours.find(each => isSame(each) && !used.has(each))
    // What Delve finds by other rules than the runtime is another comparison (compare:stacks).
    if (!our) return []
    used.add(our)
    // What the compiler named is no variable of the source.
    const variables = [...(frame.Arguments ?? []), ...(frame.Locals ?? [])].filter(({name: own}) => !own.includes('.'))
    return variables.map(variable => compareDelve(name, variable, our.variables ?? []))
  })
}

function report(name: string, verdicts: readonly Verdict[]): void {
  const count = (outcome: Verdict['outcome']) => verdicts.filter(each => each.outcome === outcome).length
  const [right, missing, wrong, more] = [count('right'), count('missing'), count('wrong'), count('more')]
  const share = right + missing + wrong === 0 ? 100 : (100 * right) / (right + missing + wrong)
  console.log(
    `${name}: ${right} right, ${missing} missing, ${wrong} wrong (${share.toFixed(1)} %); ${more} more, ` +
      `${count('refused')} refused, ${count('neither')} in neither`,
  )
  const shown = verdicts.filter(
    ({outcome}) => outcome === 'wrong' || outcome === 'missing' || (flags.more && outcome === 'more'),
  )
  for (const {outcome, where, ours, theirs} of shown.slice(0, Number(flags.show))) {
    console.log(`  ${outcome} ${where}\n    ours   ${ours.slice(0, 300)}\n    theirs ${theirs.slice(0, 300)}`)
  }
}

const all: Verdict[] = []
for (const build of builds()) {
  if (!build.name.includes(flags.only)) continue
  const directory = crash(build)
  if (directory === undefined) continue
  const verdicts = build.kind === 'native' ? compareNative(directory) : await compareGo(directory)
  report(build.name, verdicts)
  all.push(...verdicts)
}
console.log('')
report('all', all)
process.exitCode = all.some(({outcome}) => outcome === 'wrong') ? 1 : 0

/**
 * C, C++ and Rust programs without any Go that end in ways a stack walk stumbles over (scripts/native), and how they
 * are built.
 */
import {execFileSync, spawnSync} from 'node:child_process'
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const SOURCES = fileURLToPath(new URL('native', import.meta.url))

interface Build {
  name: string
  source: string
  /** The compiler and its flags. */
  command: string
}

const C_FLAGS: Readonly<Record<string, string>> = {
  O0: 'gcc -g -O0',
  'O1-framed': 'gcc -g -O1 -fno-omit-frame-pointer -DKEEPS_FRAME_POINTER',
  O2: 'gcc -g -O2 -fomit-frame-pointer',
  'O3-static': 'gcc -g -O3 -static',
  'O2-static-pie': 'gcc -g -O2 -static-pie',
  'Os-nosymbols': 'gcc -Os -s',
  'O2-protected': 'gcc -g -O2 -fstack-protector-all -D_FORTIFY_SOURCE=2 -fcf-protection=none -fstack-clash-protection',
  'O2-debugframe': 'gcc -g -O2 -fno-asynchronous-unwind-tables -fno-unwind-tables',
  'O2-notables': 'gcc -O2 -fno-asynchronous-unwind-tables -fno-unwind-tables -fomit-frame-pointer',
  'O1-notables-framed':
    'gcc -O1 -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-omit-frame-pointer -DKEEPS_FRAME_POINTER',
  'O2-notables-nosymbols': 'gcc -O2 -fno-asynchronous-unwind-tables -fno-unwind-tables -s',
  'O2-nohdr': 'gcc -g -O2 -no-pie -Wl,--no-eh-frame-hdr -Wl,--build-id=none -Wl,-z,noseparate-code',
  'O2-now': 'gcc -g -O2 -Wl,-z,now -fno-plt',
  'O2-clang': 'clang -g -O2',
  'O0-clang': 'clang -g -O0',
  'Os-clang': 'clang -g -Os -gdwarf-4 -fomit-frame-pointer',
  'O2-clang-notables': 'clang -O2 -fno-asynchronous-unwind-tables -fno-unwind-tables',
  musl: 'musl-gcc -g -O2',
  'musl-static': 'musl-gcc -g -O1 -static',
}
const CXX_FLAGS: Readonly<Record<string, string>> = {
  O0: 'g++ -g -O0',
  O2: 'g++ -g -O2',
  'Os-nosymbols': 'g++ -Os -s',
  'O2-static': 'g++ -g -O2 -static',
  'O1-clang': 'clang++ -g -O1',
}
const RUST_FLAGS: Readonly<Record<string, string>> = {
  'O0-abort': 'rustc -g -C panic=abort',
  'O2-abort': 'rustc -g -C opt-level=2 -C panic=abort',
  'O2-unwind': 'rustc -g -C opt-level=2',
  'O3-static-nosymbols': 'rustc -C opt-level=3 -C panic=abort -C target-feature=+crt-static -C strip=symbols',
}

function* builds(): Generator<Build> {
  for (const [name, command] of Object.entries(C_FLAGS)) {
    yield {name: `c-${name}`, source: 'crash.c', command: `${command} -pthread`}
    yield {name: `signals-${name}`, source: 'signals.c', command: `${command} -pthread`}
  }
  for (const [name, command] of Object.entries(CXX_FLAGS)) {
    yield {name: `cxx-${name}`, source: 'crash.cc', command: `${command} -std=c++20 -pthread`}
    yield {name: `more-${name}`, source: 'more.cc', command: `${command} -std=c++20 -pthread`}
  }
  for (const [name, command] of Object.entries(RUST_FLAGS)) yield {name: `rust-${name}`, source: 'crash.rs', command}
}

export interface NativeCrash {
  name: string
  executable: string
  core: string
}

/** Builds the programs and lets each die in each of its ways; crashes that are there already are used again. */
export function* makeNativeCrashes(directory: string, pattern: RegExp): Generator<NativeCrash> {
  mkdirSync(directory, {recursive: true})
  for (const build of builds()) yield* crashesOf(build, directory, pattern)
}

function* crashesOf({name, source, command}: Build, directory: string, pattern: RegExp): Generator<NativeCrash> {
  const executable = join(directory, name)
  const actions = readActions(join(SOURCES, source)).filter(action => pattern.test(`${name}-${action}`))
  if (actions.length === 0) return
  const [compiler = '', ...flags] = command.split(' ')
  const quiet = compiler === 'rustc' ? ['-A', 'warnings'] : ['-w']
  try {
    if (!existsSync(executable)) {
      execFileSync(compiler, [...flags, ...quiet, '-o', executable, join(SOURCES, source)], {stdio: 'pipe'})
    }
  } catch (error) {
    console.log(`${name}: not built: ${String(error).split('\n').slice(0, 3).join(' ')}`)
    return
  }
  for (const action of actions) {
    const core = join(directory, `${name}-${action}.core`)
    if (existsSync(core) || crash(executable, action, core)) yield {name: `${name}-${action}`, executable, core}
  }
}

/** The ways to die, from the table at a program's end: `A(name)` in C and C++, `("name", ...)` in Rust. */
function readActions(source: string): string[] {
  return [...readFileSync(source, 'utf8').matchAll(/\b(?:A|ACTION)\((\w+)\)[,\s]|\("(\w+)", \w+\)/g)]
    .map(match => match[1] ?? match[2] ?? '')
    .filter(name => name !== 'name')
}

/** Relies on a core_pattern that leaves cores in the current directory. */
function crash(executable: string, action: string, core: string): boolean {
  const directory = `${core}.d`
  mkdirSync(directory, {recursive: true})
  spawnSync('sh', ['-c', 'ulimit -c unlimited; ulimit -s 8192; exec "$0" "$1"', executable, action], {
    cwd: directory,
    stdio: 'ignore',
    timeout: 30_000,
  })
  const made = readdirSync(directory).find(file => file.startsWith('core'))
  if (made) renameSync(join(directory, made), core)
  else console.log(`${core}: no core was made`)
  rmSync(directory, {recursive: true, force: true})
  return made !== undefined
}

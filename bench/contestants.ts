import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type BenchInput, delveScript} from './cores.ts'
import {newestDelve} from './delve.ts'

export interface Contestant {
  name: string
  tool: string
  command(input: BenchInput): string[]
}

const entry = join(dirname(fileURLToPath(import.meta.url)), '../bin/run.cjs')

/** Us, with a command and its flags, asked about a core. */
export function ourselves(...words: readonly string[]): Contestant {
  return {
    name: `gotrace-core ${words.join(' ')}`,
    tool: 'node',
    command: ({core, executable}) => [process.execPath, entry, ...words, core, '-e', executable],
  }
}

/** Us, asked about the core beside the one of the subject. */
export const OUR_SMALL: Contestant = {
  name: 'gotrace-core analyze, the small core',
  tool: 'node',
  command: ({beside}) => {
    if (!beside) throw new Error('no core is beside that of the subject')
    return ourselves('analyze').command(beside)
  },
}

/** Us, about nothing. */
export const OUR_HELP: Contestant = {
  name: 'gotrace-core --help',
  tool: 'node',
  command: () => [process.execPath, entry, '--help'],
}

export const OUR_SYMBOLIZER: Contestant = {
  name: 'gotrace-core symbolize',
  tool: 'node',
  command: ({executable}) => [process.execPath, entry, 'symbolize', executable],
}

/** Us, by whom nothing was kept. */
export const OUR_SYMBOLIZER_AT_FIRST: Contestant = {
  name: 'gotrace-core symbolize --no-cache',
  tool: 'node',
  command: ({executable}) => [process.execPath, entry, 'symbolize', '--no-cache', executable],
}

export const BARE_NODE: Contestant = {
  name: 'bare node',
  tool: 'node',
  command: () => [process.execPath, '-e', '0'],
}

function delveOf(core: string, executable: string): string[] {
  const flags = ['--check-go-version=false', '--allow-non-terminal-interactive=true', '--init', delveScript()]
  return [newestDelve() ?? 'dlv', 'core', ...flags, executable, core]
}

export const DEBUGGERS: readonly Contestant[] = [
  {
    name: 'dlv core (goroutines -t)',
    tool: 'dlv',
    command: ({core, executable}) => delveOf(core, executable),
  },
  {
    name: 'gdb (thread apply all bt)',
    tool: 'gdb',
    command: ({core, executable}) => ['gdb', '-nx', '-batch', '-ex', 'thread apply all bt', executable, core],
  },
  {
    name: 'eu-stack --core',
    tool: 'eu-stack',
    // All frames of a stack, not the first 256 alone.
    command: ({core, executable}) => ['eu-stack', '-n', '0', '--core', core, '-e', executable],
  },
]

export const DELVE: readonly Contestant[] = DEBUGGERS.filter(({tool}) => tool === 'dlv')

/** Inlined calls cost it a search of the DWARF for each frame. */
export const EU_STACK_INLINES: Contestant = {
  name: 'eu-stack --inlines --core',
  tool: 'eu-stack',
  command: ({core, executable}) => ['eu-stack', '-i', '-n', '0', '--core', core, '-e', executable],
}

export const SYMBOLIZERS: readonly Contestant[] = [
  {
    name: 'llvm-symbolizer',
    tool: 'llvm-symbolizer',
    command: ({executable}) => ['llvm-symbolizer', '-e', executable],
  },
  {
    name: 'addr2line -f -i -C',
    tool: 'addr2line',
    command: ({executable}) => ['addr2line', '-f', '-i', '-C', '-e', executable],
  },
]

/** The cores of a folder, in one run of ours. */
export const OUR_BATCH: Contestant = {
  name: 'gotrace-core batch -j 2',
  tool: 'node',
  command: ({core}) => [process.execPath, entry, 'batch', '-j', '2', core],
}

/** One after the other: `{}` stands for the core, `{exe}` for its program. */
function loop(name: string, tool: string, words: () => readonly string[]): Contestant {
  const stands: Readonly<Record<string, string>> = {'{}': '"$core"', '{exe}': '"$1/$program"'}
  return {
    name,
    tool,
    command: ({core, executable}) => {
      const shown = words().map(word => stands[word] ?? `'${word}'`)
      const script = `for core in "$0"/core*; do name=\${core##*/core.}; program=\${name%-*}; ${shown.join(' ')}; done`
      return ['bash', '-c', script, core, executable]
    },
  }
}

export const OUR_LOOP = loop('a loop of gotrace-core analyze --json', 'node', () => [
  process.execPath,
  entry,
  'analyze',
  '--json',
  '{}',
])

export const DELVE_LOOP = loop('a loop of dlv core (goroutines -t)', 'dlv', () => delveOf('{}', '{exe}'))

/** Those that are installed. */
export function installed(peers: readonly Contestant[]): Contestant[] {
  return peers.filter(({tool}) => isInstalled(tool))
}

export function missingPeers(): string[] {
  return [...DEBUGGERS, ...SYMBOLIZERS].map(({tool}) => tool).filter(tool => !isInstalled(tool))
}

function isInstalled(tool: string): boolean {
  if (tool === 'dlv' && newestDelve() !== undefined) return true
  const path = (process.env.PATH ?? '/usr/bin').split(':')
  return path.some(directory => existsSync(join(directory, tool)))
}

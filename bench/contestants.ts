import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type BenchCore, delveScript} from './cores.ts'

export interface Contestant {
  name: string
  tool: string
  isPeer: boolean
  command(core: BenchCore): string[]
}

const entry = join(dirname(fileURLToPath(import.meta.url)), '../bin/run.cjs')

/** Us, with a command and its flags. */
export function ourselves(...words: readonly string[]): Contestant {
  return {
    name: `gotrace-core ${words.join(' ')}`,
    tool: 'node',
    isPeer: false,
    command: ({core, executable}) => [process.execPath, entry, ...words, core, '-e', executable],
  }
}

export const BARE_NODE: Contestant = {
  name: 'bare node',
  tool: 'node',
  isPeer: false,
  command: () => [process.execPath, '-e', '0'],
}

const PEERS: readonly Contestant[] = [
  {
    name: 'dlv core (goroutines -t)',
    tool: 'dlv',
    isPeer: true,
    command: ({core, executable}) => [
      'dlv',
      'core',
      '--check-go-version=false',
      '--allow-non-terminal-interactive=true',
      '--init',
      delveScript(),
      executable,
      core,
    ],
  },
  {
    name: 'gdb (thread apply all bt)',
    tool: 'gdb',
    isPeer: true,
    command: ({core, executable}) => ['gdb', '-nx', '-batch', '-ex', 'thread apply all bt', executable, core],
  },
  {
    name: 'eu-stack --core',
    tool: 'eu-stack',
    isPeer: true,
    // All frames of a stack, not the first 256 alone.
    command: ({core, executable}) => ['eu-stack', '-n', '0', '--core', core, '-e', executable],
  },
]

/** Those that are installed. */
export function peers(): Contestant[] {
  return PEERS.filter(({tool}) => isInstalled(tool))
}

export function missingPeers(): string[] {
  return PEERS.map(({tool}) => tool).filter(tool => !isInstalled(tool))
}

function isInstalled(tool: string): boolean {
  const path = (process.env.PATH ?? '/usr/bin').split(':')
  return path.some(directory => existsSync(join(directory, tool)))
}

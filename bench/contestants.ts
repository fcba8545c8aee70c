import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type BenchCore, delveScript} from './cores.ts'

export interface Contestant {
  name: string
  isPeer: boolean
  command(core: BenchCore): string[]
}

const entry = join(dirname(fileURLToPath(import.meta.url)), '../bin/run.cjs')

const all: readonly (Contestant & {tool: string})[] = [
  {
    name: 'gotrace-core',
    tool: 'node',
    isPeer: false,
    command: ({core, executable}) => [process.execPath, entry, 'analyze', core, '-e', executable],
  },
  {name: 'bare node', tool: 'node', isPeer: false, command: () => [process.execPath, '-e', '0']},
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
    command: ({core, executable}) => ['eu-stack', '--core', core, '-e', executable],
  },
]

/** Those that are installed. */
export function contestants(): Contestant[] {
  const path = (process.env.PATH ?? '/usr/bin').split(':')
  return all.filter(({tool}) => tool === 'node' || path.some(directory => existsSync(join(directory, tool))))
}

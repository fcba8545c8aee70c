import {type SpawnSyncReturns, spawnSync} from 'node:child_process'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

const entry = join(dirname(fileURLToPath(import.meta.url)), '../../bin/run.cjs')

export interface RunOptions {
  cwd?: string
  env?: Readonly<Record<string, string | undefined>>
  /** Of CPU, after which the kernel ends it: a machine that is busy with something else fails no test. */
  seconds?: number
}

/** What waits for ever uses no CPU. */
const WALL_SECONDS_MAX = 900
const CPU_SECONDS_MAX = 100

export interface RunResult {
  stdout: string
  stderr: string
  exitCode: number | null
}

/** Runs the built command line as a user does, in an environment that says nothing about colour. */
export function runCommand(args: readonly string[], options: RunOptions = {}): RunResult {
  const limited = `ulimit -t ${options.seconds ?? CPU_SECONDS_MAX} && exec "$0" "$@"`
  const line = ['-c', limited, process.execPath, entry, ...args]
  const {status, stdout, stderr}: SpawnSyncReturns<string> = spawnSync('sh', line, {
    encoding: 'utf8',
    cwd: options.cwd,
    env: environment(options.env),
    maxBuffer: 256 * 1024 * 1024,
    timeout: WALL_SECONDS_MAX * 1000,
  })
  return {stdout, stderr, exitCode: status}
}

/** Runs a line of shell in which `$RUN` is the command line. */
export function runShell(line: string, options: RunOptions = {}): RunResult {
  const {status, stdout, stderr} = spawnSync(
    'bash',
    ['-c', `ulimit -t ${options.seconds ?? CPU_SECONDS_MAX}; ${line}`],
    {
      encoding: 'utf8',
      cwd: options.cwd,
      env: {...environment(options.env), RUN: `${process.execPath} ${entry}`},
      timeout: WALL_SECONDS_MAX * 1000,
    },
  )
  return {stdout, stderr, exitCode: status}
}

const SILENT = [
  'NO_COLOR',
  'FORCE_COLOR',
  'DEBUGINFOD_URLS',
  'NODE_EXTRA_CA_CERTS',
  'GOTRACE_DEBUG',
  'NODE_OPTIONS',
  'OCLIF_COLUMNS',
]

export function environment(extra: RunOptions['env'] = {}): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = {...process.env}
  for (const name of SILENT) delete env[name]
  return {...env, ...extra}
}

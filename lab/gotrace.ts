import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {fileURLToPath} from 'node:url'

export interface GotraceResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | null
}

const repository = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Runs our own command line: the built bundle, or the source with GOTRACE_DEV=1 or while there is no bundle. */
export function gotrace(args: readonly string[], seconds = 120): GotraceResult {
  const built = existsSync(join(repository, 'dist/main.cjs')) && process.env.GOTRACE_DEV !== '1'
  const entry = built ? [join(repository, 'bin/run.cjs')] : ['--import', 'tsx', join(repository, 'bin/dev.js')]
  const result = spawnSync(process.execPath, [...entry, ...args], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
    timeout: seconds * 1000,
    env: {...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, NODE_EXTRA_CA_CERTS: undefined},
  })
  return {stdout: result.stdout ?? '', stderr: result.stderr ?? '', exitCode: result.status}
}

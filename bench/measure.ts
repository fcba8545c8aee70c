import {spawnSync} from 'node:child_process'
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

export interface Measure {
  seconds: number
  cpuSeconds: number
  kilobytes: number
}

/** bash counts in milliseconds, GNU time in hundredths of a second, but GNU time alone knows the memory. */
const SCRIPT = `TIMEFORMAT='%3R %3U %3S'
report=$1; input=$2; shift 2
time /usr/bin/time -q -o "$report" -f %M "$@" <"$input" >/dev/null 2>&1`

/** One run, its output thrown away. @param input what it reads; nothing by default */
export function measure(command: readonly string[], input = '/dev/null'): Measure {
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-bench-'))
  const report = join(directory, 'memory')
  const times = join(directory, 'times')
  const fd = openSync(times, 'w')
  const {NODE_EXTRA_CA_CERTS: _costly, ...env} = process.env
  try {
    const {error} = spawnSync('bash', ['-c', SCRIPT, 'bash', report, input, ...command], {
      stdio: ['ignore', 'ignore', fd],
      env: {...env, DEBUGINFOD_URLS: '', LC_ALL: 'C'},
      timeout: 1_200_000,
    })
    if (error) throw new Error(`${command[0]}: ${error.message}`)
    const [seconds = 0, user = 0, system = 0] = lastLine(times).split(' ').map(Number)
    return {seconds, cpuSeconds: user + system, kilobytes: Number(lastLine(report))}
  } catch (cause) {
    throw new Error(`${command.join(' ')} cannot be measured (apt-get install time)`, {cause})
  } finally {
    closeSync(fd)
    rmSync(directory, {recursive: true, force: true})
  }
}

function lastLine(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').at(-1) ?? ''
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

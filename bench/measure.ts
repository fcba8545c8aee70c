import {spawnSync} from 'node:child_process'
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

export interface Measure {
  seconds: number
  cpuSeconds: number
  kilobytes: number
}

/** One run under GNU time, its output thrown away. */
export function measure(command: string, args: readonly string[]): Measure {
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-bench-'))
  const report = join(directory, 'time')
  const nowhere = openSync('/dev/null', 'r+')
  const {NODE_EXTRA_CA_CERTS: _costly, ...env} = process.env
  try {
    const {status, error} = spawnSync('/usr/bin/time', ['-q', '-o', report, '-f', '%e %U %S %M', command, ...args], {
      stdio: [nowhere, nowhere, nowhere],
      env: {...env, DEBUGINFOD_URLS: ''},
      timeout: 1_200_000,
    })
    if (error) throw new Error(`/usr/bin/time cannot be run (apt-get install time): ${error.message}`)
    const line = readFileSync(report, 'utf8').trim().split('\n').at(-1) ?? ''
    const [seconds = 0, user = 0, system = 0, kilobytes = 0] = line.split(' ').map(Number)
    if (status === null) throw new Error(`${command} was killed`)
    return {seconds, cpuSeconds: user + system, kilobytes}
  } finally {
    closeSync(nowhere)
    rmSync(directory, {recursive: true, force: true})
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

import {totalmem} from 'node:os'
import {resolve} from 'node:path'
import {getHeapStatistics} from 'node:v8'
import {Flags, type Interfaces} from '@oclif/core'
import {isRemote} from '../acquire/remote-file.ts'
import {SearchPlaces} from '../acquire/search-places.ts'
import {FileSource} from '../base/byte-source.ts'
import {makeFolder} from '../base/replaced-file.ts'
import type {AnalystPool, PoolOptions} from '../triage/analyst-pool.ts'
import type {LineOptions} from '../triage/core-line.ts'
import {searchFlags} from './base-command.ts'
import {coreFlags} from './core-command.ts'
import {analysisOptions, searchOptions} from './open-core.ts'
import {readOwnRules, signatureFlags} from './signature-flags.ts'

const MEGABYTE = 1024 * 1024
/** A process may take this share of the memory, divided among all. */
const MEMORY_SHARE = 0.7
const MEMORY_MB = {min: 512, max: 4096} as const
const HEAP_FLAG = /^--max-old-space-size/

export function coreTimeoutFlag(max: number): Interfaces.OptionFlag<number> {
  return Flags.integer({
    description: 'time for one core; what is missing after four fifths of it is left out',
    helpValue: 'SECONDS',
    min: 1,
    max,
    default: 600,
  })
}

/** Flags of the commands that have cores analysed in processes of their own. */
export const analystFlags = {
  ...searchFlags,
  reports: Flags.string({description: 'write the whole report of each core to DIR, as JSON', helpValue: 'DIR'}),
  jobs: Flags.integer({
    char: 'j',
    description: 'cores at a time (default: one per CPU)',
    helpValue: 'N',
    min: 1,
    max: 512,
  }),
  memory: Flags.integer({
    description: 'heap for one core (default: by what the machine has)',
    helpValue: 'MB',
    min: 64,
  }),
  timeout: coreTimeoutFlag(1_000_000),
  ...signatureFlags,
  'max-frames': coreFlags['max-frames'],
  'no-demangle': coreFlags['no-demangle'],
  redact: coreFlags.redact,
}

export type AnalystFlags = Interfaces.InferredFlags<typeof analystFlags> & {readonly exe?: string | undefined}

/** What would otherwise be told once for each core. @throws InputError */
export function checkAnalystFlags(flags: AnalystFlags): void {
  const places = new SearchPlaces(searchOptions(flags))
  if (flags.exe !== undefined) FileSource.open(places.namedFile(flags.exe)).close()
  if (flags.reports !== undefined) makeFolder(flags.reports)
}

/** The processes that the flags ask for: this program, started again. */
export async function openAnalysts(flags: AnalystFlags, jobs: number, config: Interfaces.Config): Promise<AnalystPool> {
  // It loads worker_threads: other commands start faster without.
  const {AnalystPool} = await import('../triage/analyst-pool.ts')
  const {tool, maxFrames, demangle} = analysisOptions(flags, config)
  return new AnalystPool(
    {
      script: process.argv[1] ?? '',
      scriptArguments: ['batch-worker', '--parent', String(process.pid)],
      nodeArguments: process.execArgv.filter(argument => !/^--inspect/.test(argument) && !HEAP_FLAG.test(argument)),
      environment: process.env,
      jobs,
      ...heapOf(flags.memory, jobs),
      timeoutSeconds: flags.timeout,
    },
    {
      search: absolute(searchOptions(flags)),
      analysis: {tool, maxFrames, demangle},
      reports: flags.reports === undefined ? undefined : reportFolder(flags.reports, flags.redact),
      signature: {ownRules: readOwnRules(flags['signature-rules']), explain: flags.explain},
    },
  )
}

/**
 * The heap of each process. A limit of its own is a flag for V8, with which it takes nothing from Node's cache of
 * compiled code; where the one that Node gives every process is within the share, it is left at that.
 */
function heapOf(askedMb: number | undefined, jobs: number): Pick<PoolOptions, 'memoryMb' | 'isUsualMemory'> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
  const share = Math.floor((memory * MEMORY_SHARE) / MEGABYTE / jobs)
  const usualMb = Math.floor(getHeapStatistics().heap_size_limit / MEGABYTE)
  const isUsualMemory =
    askedMb === undefined && usualMb <= share && !process.execArgv.some(word => HEAP_FLAG.test(word))
  const memoryMb = askedMb ?? Math.max(MEMORY_MB.min, Math.min(MEMORY_MB.max, share))
  return {memoryMb: isUsualMemory ? usualMb : memoryMb, isUsualMemory}
}

function reportFolder(directory: string, redact: boolean): LineOptions['reports'] {
  const home = process.env.HOME
  return {directory: resolve(directory), redactedHomes: redact ? [...(home === undefined ? [] : [home])] : undefined}
}

/** The processes work in another folder. */
function absolute(search: LineOptions['search']): LineOptions['search'] {
  const {exe, sysroots = [], debugDirs = [], symbols = []} = search
  return {
    ...search,
    exe: exe === undefined ? undefined : resolve(exe),
    sysroots: sysroots.map(path => resolve(path)),
    debugDirs: debugDirs.map(path => resolve(path)),
    symbols: symbols.map(store => (isRemote(store) ? store : resolve(store))),
  }
}

import {debuginfodSettings} from '../acquire/debuginfod.ts'
import {
  type OpenModule,
  type OpenProcess,
  type OpenProcessOptions,
  openModuleFile,
  openProcess,
  type SourceOptions,
} from '../acquire/open-process.ts'
import {goFolders} from '../acquire/source-places.ts'
import {symbolStores} from '../acquire/symbol-servers.ts'
import type {AnalysisOptions} from '../analysis/analyze-core.ts'
import type {Deadline} from '../base/deadline.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {ReadRecord, ReadRecords} from '../base/read-record.ts'
import {MEBIBYTE, type SearchFlags, unpackLimits} from './base-command.ts'
import type {CoreFlags} from './core-command.ts'
import {ProgressLine} from './progress-line.ts'
import {tidyOnSignal} from './signals.ts'

export type OpenFlags = SearchFlags & SourceFlags & Pick<CoreFlags, 'exe' | 'quiet'>

interface SourceFlags {
  readonly source?: number | undefined
  readonly 'source-dir'?: readonly string[] | undefined
}

/** Where the flags and the environment say that files are to be looked for. */
export function searchOptions(
  flags: SearchFlags & {exe?: string | undefined},
): Omit<OpenProcessOptions, keyof RunContext> {
  return {
    exe: flags.exe,
    sysroots: flags.sysroot ?? [],
    hostFiles: flags['host-files'],
    debugDirs: flags['debug-dir'] ?? [],
    symbols: flags.symbols ?? symbolStores(process.env),
    debuginfod: debuginfodSettings(process.env, flags.debuginfod),
    unpackLimits: unpackLimits(flags),
    sectionMemory: flags['section-memory'] * MEBIBYTE,
  }
}

function sourceOptions({source: around, 'source-dir': folders = []}: SourceFlags): SourceOptions | undefined {
  return around === undefined ? undefined : {around, folders, go: goFolders(process.env)}
}

/** What a run has beside its flags. */
export interface RunContext {
  readonly diagnostics: Diagnostics
  readonly deadline: Deadline
}

/** The core that the flags name, with the files it needs. */
export async function openFromFlags(
  path: string,
  flags: OpenFlags,
  context: RunContext,
  noting: {record?: ReadRecord; records?: ReadRecords} = {},
): Promise<OpenProcess> {
  const progress = new ProgressLine(!flags.quiet)
  try {
    const sources = sourceOptions(flags)
    return await openProcess(path, {
      ...searchOptions(flags),
      ...context,
      sources,
      progress: progress.show,
      tidyOnSignal,
      ...noting,
    })
  } finally {
    progress.clear()
  }
}

/** One file that is not running, with the files it needs. */
export async function openModuleFromFlags(
  path: string,
  flags: Omit<OpenFlags, 'exe'>,
  context: RunContext,
): Promise<OpenModule> {
  const progress = new ProgressLine(!flags.quiet)
  try {
    return await openModuleFile(path, {...searchOptions(flags), ...context, progress: progress.show, tidyOnSignal})
  } finally {
    progress.clear()
  }
}

/** What every analysis is told by flags and by the package. */
export function analysisOptions(
  flags: Pick<CoreFlags, 'max-frames' | 'no-demangle'>,
  {name, version}: {name: string; version: string},
): Pick<AnalysisOptions, 'tool' | 'maxFrames' | 'demangle'> {
  return {
    tool: {name, version},
    maxFrames: flags['max-frames'],
    demangle: !flags['no-demangle'],
  }
}

import {debuginfodSettings} from '../acquire/debuginfod.ts'
import {
  type OpenModule,
  type OpenProcess,
  type OpenProcessOptions,
  openModuleFile,
  openProcess,
} from '../acquire/open-process.ts'
import type {AnalysisOptions} from '../analysis/analyze-core.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {type SearchFlags, unpackLimits} from './base-command.ts'
import type {CoreFlags} from './core-command.ts'
import {ProgressLine} from './progress-line.ts'
import {tidyOnSignal} from './signals.ts'

type OpenFlags = SearchFlags & Pick<CoreFlags, 'exe' | 'quiet'>

/** Where the flags and the environment say that files are to be looked for. */
export function searchOptions(
  flags: SearchFlags & {exe?: string | undefined},
): Omit<OpenProcessOptions, 'diagnostics'> {
  return {
    exe: flags.exe,
    sysroots: flags.sysroot ?? [],
    hostFiles: flags['host-files'],
    debugDirs: flags['debug-dir'] ?? [],
    debuginfod: debuginfodSettings(process.env, flags.debuginfod),
    unpackLimits: unpackLimits(flags),
  }
}

/** The core that the flags name, with the files it needs. */
export async function openFromFlags(path: string, flags: OpenFlags, diagnostics: Diagnostics): Promise<OpenProcess> {
  const progress = new ProgressLine(!flags.quiet)
  try {
    return await openProcess(path, {...searchOptions(flags), diagnostics, progress: progress.show, tidyOnSignal})
  } finally {
    progress.clear()
  }
}

/** One file that is not running, with the files it needs. */
export async function openModuleFromFlags(
  path: string,
  flags: Omit<OpenFlags, 'exe'>,
  diagnostics: Diagnostics,
): Promise<OpenModule> {
  const progress = new ProgressLine(!flags.quiet)
  try {
    return await openModuleFile(path, {...searchOptions(flags), diagnostics, progress: progress.show, tidyOnSignal})
  } finally {
    progress.clear()
  }
}

/** What every analysis is told by flags and by the package. */
export function analysisOptions(
  flags: Pick<CoreFlags, 'max-frames' | 'no-demangle' | 'timeout'>,
  {name, version}: {name: string; version: string},
): Pick<AnalysisOptions, 'tool' | 'maxFrames' | 'demangle' | 'deadline'> {
  return {
    tool: {name, version},
    maxFrames: flags['max-frames'],
    demangle: !flags['no-demangle'],
    deadline: flags.timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + flags.timeout * 1000,
  }
}

import {debuginfodCacheDir, debuginfodUrls} from '../acquire/debuginfod.ts'
import {type OpenProcess, type OpenProcessOptions, openProcess} from '../acquire/open-process.ts'
import type {AnalysisOptions} from '../analysis/analyze-core.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {CoreFlags} from './core-command.ts'

type SearchFlags = Pick<CoreFlags, 'exe' | 'sysroot' | 'debug-dir' | 'debuginfod'>

/** Where the flags and the environment say that files are to be looked for. */
export function searchOptions(flags: SearchFlags): Omit<OpenProcessOptions, 'diagnostics'> {
  return {
    exe: flags.exe,
    sysroots: flags.sysroot ?? [],
    debugDirs: flags['debug-dir'] ?? [],
    debuginfodUrls: flags.debuginfod ?? debuginfodUrls(process.env),
    debuginfodCacheDir: debuginfodCacheDir(process.env),
  }
}

/** The core that the flags name, with the files it needs. */
export function openFromFlags(path: string, flags: SearchFlags, diagnostics: Diagnostics): Promise<OpenProcess> {
  return openProcess(path, {...searchOptions(flags), diagnostics})
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

import type {BuildReport, CoreReport} from '../report/core-report.ts'

/** What a program says of its build (`go version -m`); null where it says nothing. */
export function describeBuild({
  main,
  mainVersion,
  settings,
}: Pick<CoreReport['go'], 'main' | 'mainVersion' | 'settings'>): BuildReport | null {
  const modified = settings['vcs.modified']
  const build = {
    main,
    version: mainVersion,
    revision: settings['vcs.revision'] ?? null,
    time: settings['vcs.time'] ?? null,
    modified: modified === undefined ? null : modified === 'true',
  }
  return Object.values(build).every(value => value === null) ? null : build
}

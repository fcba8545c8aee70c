import {basename} from 'node:path'
import type {DeadProcess} from '../process/dead-process.ts'

/** What `go build FILE` calls each program. */
const NAMELESS = 'command-line-arguments'

/**
 * What a program is called wherever it was built and whatever its file is called: the path of its main package, else
 * the file that has its main function, else the name of the executable.
 */
export function programName({buildInfo, tables, goModule}: DeadProcess, executable: string | null): string {
  const isOwn = goModule === undefined || goModule.isExecutable
  const path = buildInfo?.path
  if (isOwn && path !== undefined && path !== '' && path !== NAMELESS) return path
  const main = isOwn ? tables?.functionNamed('main.main') : undefined
  const file = main?.fileLine(main.entry).file
  const name = file === undefined || file === '?' ? executable : file
  return name === null ? '?' : basename(name)
}

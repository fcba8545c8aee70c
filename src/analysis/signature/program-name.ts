import {basename, dirname, isAbsolute} from 'node:path'
import {sha256} from '../../base/sha256.ts'
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

/** Functions of the main package, without methods, closures and what cgo and the compiler add. */
const MAIN_FUNCTION = /^main\.(?!_C|_cgo|init$)\w+$/

/**
 * The same where the name of the file is all there is, which thousands of programs have in common: with it goes a hash
 * of the names of the functions of its main package, which no stripping takes away and no place of the build changes.
 * Of a program that has main.main alone it is the folder of that file, where the build kept it.
 */
export function programIdentity(process: DeadProcess, executable: string | null): string {
  const name = programName(process, executable)
  const {buildInfo, tables, goModule} = process
  if (!tables || name === buildInfo?.path || (goModule && !goModule.isExecutable)) return name
  const main = tables.functionNamed('main.main')
  const functions = [...new Set(tables.namesBeginning('main.'))].filter(each => MAIN_FUNCTION.test(each)).sort()
  if (functions.length > 1) return `${name}~${sha256(functions.join('\n')).slice(0, 8)}`
  const {file} = main?.fileLine(main.entry) ?? {file: ''}
  return isAbsolute(file) ? `${basename(dirname(file))}/${name}` : name
}

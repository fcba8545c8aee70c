import {basename, dirname, isAbsolute, join} from 'node:path'
import {addressOfWord} from '../base/address.ts'
import {readCString} from '../base/memory-reader.ts'
import type {CoreFile} from '../elf/core-file.ts'
import {AT} from '../elf/notes.ts'
import {liesInFolder} from './core-place.ts'
import type {FileTree} from './file-tree.ts'

/** Where a shell finds programs by their name alone. */
const PROGRAM_DIRS = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin']
/** Names that mean something else in every process. */
const OF_THE_PROCESS = /^\/(?:proc|dev)\/|^\/?memfd:/
const PATH_MAX = 4096

/**
 * What the program of a process may be called where the file that was running has no name of its own: it was copied to
 * memory (memfd_create(2), as runc's init), started through a descriptor, or removed. Each may name another program.
 */
export function programNames(core: CoreFile, recorded: string | undefined): string[] {
  const [first = ''] = core.process?.commandLine.split(' ') ?? []
  const names = [recorded, executedName(core), first, core.process?.name]
  return [...new Set(names.filter(name => name !== undefined && name !== '' && !OF_THE_PROCESS.test(name)))] as string[]
}

/** The path that execve(2) was given, which the kernel left on the stack. */
function executedName(core: CoreFile): string | undefined {
  const word = core.auxv.get(AT.AT_EXECFN)
  const address = word === undefined ? undefined : addressOfWord(word)
  return address === undefined ? undefined : readCString(core.memory, address, PATH_MAX)
}

/** Where files of those names may lie: on the machines, and beside the core. */
export function* programPaths(
  names: readonly string[],
  {sysroots, host}: {sysroots: readonly FileTree[]; host: FileTree | undefined},
  corePath: string,
): Generator<string> {
  const places = names.flatMap(name => (isAbsolute(name) ? [name] : inProgramDirs(name)))
  for (const tree of host ? [...sysroots, host] : sysroots) {
    yield* places.map(path => tree.locate(path)).filter(path => path !== undefined)
  }
  if (!host || !liesInFolder(corePath)) return
  for (const name of names) yield join(dirname(corePath), basename(name))
}

function inProgramDirs(name: string): string[] {
  return name.includes('/') ? [] : PROGRAM_DIRS.map(directory => `/${directory}/${name}`)
}

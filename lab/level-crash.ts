import {execFileSync} from 'node:child_process'
import {existsSync, mkdirSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Executable} from './build.ts'
import {findMode} from './programs.ts'

/** A crash below the level `crash`, where the runtime exits and the kernel writes no core. */
export interface LevelCrash {
  readonly corePath: string
  readonly stderrPath: string
}

/**
 * Runs a mode under gdb with GOTRACEBACK set to a level, and takes the core at the moment of exit_group: text and core
 * are then of one process, and comparable to the last address.
 */
export function crashAtLevel(executable: Executable, modeName: string, level: string, directory: string): LevelCrash {
  const mode = findMode(executable.program, modeName)
  rmSync(directory, {recursive: true, force: true})
  mkdirSync(directory, {recursive: true})
  const corePath = join(directory, 'core')
  const stderrPath = join(directory, 'stderr.txt')
  writeFileSync(
    join(directory, 'commands.gdb'),
    [
      'set confirm off',
      'set pagination off',
      'set auto-load off',
      'handle all nostop noprint pass',
      `set environment GOTRACEBACK ${level}`,
      ...Object.entries(mode.environment ?? {}).map(([name, value]) => `set environment ${name} ${value}`),
      'catch syscall exit_group',
      `run ${mode.arguments.join(' ')} > /dev/null 2> ${stderrPath}`,
      `generate-core-file ${corePath}`,
      'kill',
      '',
    ].join('\n'),
  )
  const script = join(directory, 'commands.gdb')
  execFileSync('gdb', ['-nx', '-q', '-batch', '-x', script, executable.path], {stdio: 'ignore', timeout: 120_000})
  if (!existsSync(corePath)) throw new Error(`gdb took no core of ${executable.path} ${modeName} at level ${level}`)
  execFileSync('fallocate', ['--dig-holes', corePath])
  return {corePath, stderrPath}
}

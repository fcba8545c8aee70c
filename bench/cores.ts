import {execFileSync, spawnSync} from 'node:child_process'
import {copyFileSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {checkCorePattern} from '../lab/crash.ts'
import {buildEnvironment, openToolchain} from '../lab/toolchain.ts'

export interface BenchCore {
  directory: string
  core: string
  executable: string
  size: number
}

const here = dirname(fileURLToPath(import.meta.url))

function benchDirectory(): string {
  return process.env.GOTRACE_BENCH ?? '/tmp/gotrace-bench'
}

/** Builds one of bench/programs with an installed toolchain. */
export function buildProgram(name: string, release: string): string {
  const toolchain = openToolchain(release)
  const directory = join(benchDirectory(), `go${release}`, name)
  mkdirSync(directory, {recursive: true})
  for (const file of ['main.go', 'go.mod']) copyFileSync(join(here, 'programs', name, file), join(directory, file))
  const env = buildEnvironment(toolchain, benchDirectory())
  execFileSync(toolchain.go, ['build', '-o', name, '.'], {cwd: directory, env, stdio: 'inherit'})
  return join(directory, name)
}

export interface CoreShape {
  /** Of the program. */
  arguments: readonly number[]
  compressed?: boolean
}

/** Crashes the program once; a core that an earlier run of the same executable left is used again. */
export function makeCore(executable: string, {arguments: words, compressed}: CoreShape): BenchCore {
  const directory = join(dirname(executable), words.join('-'))
  const core = join(directory, 'core')
  if (!existsSync(core) || statSync(core).mtimeMs < statSync(executable).mtimeMs) {
    checkCorePattern()
    mkdirSync(directory, {recursive: true})
    // The runtime prints every goroutine before it dies, a gigabyte for a million: nobody reads it.
    spawnSync('prlimit', ['--core=unlimited', executable, ...words.map(String)], {
      cwd: directory,
      env: {PATH: '/usr/bin:/bin', GOTRACEBACK: 'crash'},
      stdio: 'ignore',
      timeout: 600_000,
    })
    const left = readdirSync(directory).find(name => /^core(\.\d+)?$/.test(name))
    if (!left) throw new Error(`${executable} ${words.join(' ')} left no core in ${directory}`)
    if (left !== 'core') execFileSync('mv', [join(directory, left), core])
  }
  const size = statSync(core).size
  if (!compressed) return {directory, core, executable, size}
  const packed = `${core}.zst`
  if (!existsSync(packed)) execFileSync('zstd', ['-q', '-f', core, '-o', packed])
  return {directory, core: packed, executable, size}
}

/** Commands for Delve: every goroutine with its stack, then the end. */
export function delveScript(): string {
  mkdirSync(benchDirectory(), {recursive: true})
  const path = join(benchDirectory(), 'delve-commands')
  writeFileSync(path, 'goroutines -t\nexit -c\n')
  return path
}

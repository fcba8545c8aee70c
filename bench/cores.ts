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

/** Builds bench/programs/crowd with an installed toolchain. */
export function buildCrowd(release: string): string {
  const toolchain = openToolchain(release)
  const directory = join(benchDirectory(), `go${release}`)
  mkdirSync(directory, {recursive: true})
  for (const name of ['main.go', 'go.mod']) copyFileSync(join(here, 'programs/crowd', name), join(directory, name))
  const env = buildEnvironment(toolchain, benchDirectory())
  execFileSync(toolchain.go, ['build', '-o', 'crowd', '.'], {cwd: directory, env, stdio: 'inherit'})
  return join(directory, 'crowd')
}

export interface CoreShape {
  name: string
  goroutines: number
  megabytes: number
  compressed?: boolean
}

/** Crashes the program once; a core that an earlier run of the same executable left is used again. */
export function makeCore(executable: string, {goroutines, megabytes, compressed}: CoreShape): BenchCore {
  const directory = join(dirname(executable), `${goroutines}-${megabytes}`)
  const core = join(directory, 'core')
  if (!existsSync(core) || statSync(core).mtimeMs < statSync(executable).mtimeMs) {
    checkCorePattern()
    mkdirSync(directory, {recursive: true})
    // The runtime prints every goroutine before it dies, a gigabyte for a million: nobody reads it.
    spawnSync('prlimit', ['--core=unlimited', executable, String(goroutines), String(megabytes)], {
      cwd: directory,
      env: {PATH: '/usr/bin:/bin', GOTRACEBACK: 'crash'},
      stdio: 'ignore',
      timeout: 600_000,
    })
    const left = readdirSync(directory).find(name => /^core(\.\d+)?$/.test(name))
    if (!left) throw new Error(`${executable} ${goroutines} ${megabytes} left no core in ${directory}`)
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

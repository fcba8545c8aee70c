import {execFileSync, spawnSync} from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {checkCorePattern} from '../lab/crash.ts'
import {Random} from '../lab/fuzz/random.ts'
import {buildEnvironment, openToolchain} from '../lab/toolchain.ts'

/** What a contestant is asked about. */
export interface BenchInput {
  directory: string
  /** A core, or a folder of some. */
  core: string
  /** The program of the core, or the file whose addresses are asked for. */
  executable: string
  /** Of the core. */
  size: number
  /** What stands on standard input. */
  input?: string
  /** Another core, to compare with. */
  beside?: BenchInput
}

const here = dirname(fileURLToPath(import.meta.url))

export function benchDirectory(): string {
  return process.env.GOTRACE_BENCH ?? '/tmp/gotrace-bench'
}

/** Builds one of bench/programs with an installed toolchain; `isStripped`: without symbols and DWARF. */
export function buildProgram(name: string, release: string, {isStripped = false} = {}): string {
  const toolchain = openToolchain(release)
  const directory = join(benchDirectory(), `go${release}`, isStripped ? `${name}-stripped` : name)
  mkdirSync(directory, {recursive: true})
  const program = join(directory, name)
  const sources = readdirSync(join(here, 'programs', name))
  const isCopied = (file: string): boolean => {
    const [copy, source] = [join(directory, file), join(here, 'programs', name, file)]
    return existsSync(copy) && readFileSync(copy).equals(readFileSync(source))
  }
  // The toolchain would give it a new time, and its cores would be made again.
  if (existsSync(program) && sources.every(isCopied)) return program
  for (const file of sources) copyFileSync(join(here, 'programs', name, file), join(directory, file))
  const env = buildEnvironment(toolchain, benchDirectory())
  const flags = isStripped ? ['-ldflags=-s -w'] : []
  execFileSync(toolchain.go, ['build', ...flags, '-o', name, '.'], {cwd: directory, env, stdio: 'inherit'})
  return program
}

export interface CoreShape {
  /** Of the program. */
  arguments: readonly number[]
  compressed?: boolean
}

/** Crashes the program once; a core that an earlier run of the same executable left is used again. */
export function makeCore(executable: string, {arguments: words, compressed}: CoreShape): BenchInput {
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

/** Takes a file out of the page cache, and no other one. */
export function forgetPages(path: string): void {
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'])
}

/** Commands for Delve: every goroutine with its stack, then the end. */
export function delveScript(): string {
  mkdirSync(benchDirectory(), {recursive: true})
  const path = join(benchDirectory(), 'delve-commands')
  writeFileSync(path, 'goroutines -t\nexit -c\n')
  return path
}

/** A shared library of this machine, by its name. */
export function debianLibrary(name: RegExp): string {
  const folder = '/usr/lib/x86_64-linux-gnu'
  const found = readdirSync(folder).find(each => name.test(each))
  if (found === undefined) throw new Error(`no ${name} in ${folder} (apt-get install libc6-dbg llvm)`)
  return join(folder, found)
}

/** Addresses of a file's .text, the same ones in every run. */
export function randomAddresses(module: string, count: number): BenchInput {
  const headers = execFileSync('readelf', ['-SW', module], {encoding: 'utf8'})
  const [, start = '', size = ''] = /\s\.text\s+PROGBITS\s+([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)/.exec(headers) ?? []
  const [first, length] = [Number.parseInt(start, 16), Number.parseInt(size, 16)]
  const random = new Random(1)
  const addresses = Array.from({length: count}, () => `0x${(first + random.below(length)).toString(16)}`)
  const directory = join(benchDirectory(), 'addresses')
  mkdirSync(directory, {recursive: true})
  const input = join(directory, basename(module))
  writeFileSync(input, `${addresses.join('\n')}\n`)
  return {directory, core: '', executable: module, size: statSync(module).size, input}
}

/** A folder in which each core stands so many times, beside one with the program of each, by the number of both. */
export function copiesOf(cores: readonly BenchInput[], count: number): BenchInput {
  const directory = join(benchDirectory(), 'copies')
  const [folder, programs] = [join(directory, 'cores'), join(directory, 'programs')]
  rmSync(directory, {recursive: true, force: true})
  for (const each of [folder, programs]) mkdirSync(each, {recursive: true})
  for (const [program, {core, executable}] of cores.entries()) {
    symlinkSync(executable, join(programs, String(program)))
    for (let copy = 0; copy < count; copy++) linkSync(core, join(folder, `core.${program}-${copy}`))
  }
  const [first] = cores
  return {directory, core: folder, executable: programs, size: first?.size ?? 0}
}

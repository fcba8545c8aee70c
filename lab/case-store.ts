import {execFileSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {basename, dirname, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import {mappedFiles} from './core-files.ts'
import type {Crash} from './crash.ts'

const fixturesDirectory = join(dirname(fileURLToPath(import.meta.url)), '../fixtures')

/** Name of a case: `cfault-segv-go1.27`, with the variant behind it when it is not the default. */
export function nameOfCase(program: string, mode: string, release: string, variant: string): string {
  return `${program}-${mode}-go${release}${variant === 'default' ? '' : `-${variant}`}`
}

export function hasCase(name: string, root = fixturesDirectory): boolean {
  return existsSync(join(root, 'cores', name, 'core.zst'))
}

function caseName(crash: Crash): string {
  const {program, toolchain, variant} = crash.executable
  return nameOfCase(program.name, crash.mode.name, toolchain.release, variant.name)
}

/** Files that a core's analysis needs: the executable first, then every shared library that was mapped. */
export function neededFiles(crash: Crash): string[] {
  const mapped = crash.corePath === undefined ? [] : mappedFiles(crash.corePath)
  const libraries = mapped.filter(path => /\.so(\.|$)/.test(basename(path)) && existsSync(path))
  return [crash.executable.path, ...libraries.filter(path => path !== crash.executable.path)]
}

/** Keeps a crash under fixtures/cores; files that cases share lie once in fixtures/binaries, by content. */
export function keepCase(crash: Crash, root = fixturesDirectory): string {
  if (crash.corePath === undefined) throw new Error(`${caseName(crash)}: no core`)
  const directory = join(root, 'cores', caseName(crash))
  rmSync(directory, {recursive: true, force: true})
  mkdirSync(directory, {recursive: true})
  compress(crash.corePath, join(directory, 'core.zst'), ['-19'])
  copyFileSync(crash.stderrPath, join(directory, 'stderr.txt'))
  const files = neededFiles(crash)
  for (const path of files) {
    const stored = storeBinary(path, root)
    symlinkSync(relative(directory, stored), join(directory, `${basename(path)}.zst`))
  }
  writeFileSync(join(directory, 'meta.json'), `${JSON.stringify(describe(crash, files), null, 2)}\n`)
  return directory
}

function storeBinary(path: string, root: string): string {
  const hash = createHash('sha256').update(readFileSync(path)).digest('hex')
  const target = join(root, 'binaries', hash.slice(0, 16), `${basename(path)}.zst`)
  if (!existsSync(target)) {
    mkdirSync(dirname(target), {recursive: true})
    compress(path, target, ['--ultra', '-22'])
  }
  return target
}

function compress(from: string, to: string, level: readonly string[]): void {
  execFileSync('zstd', ['-q', '-f', ...level, from, '-o', to], {
    timeout: 600_000,
  })
}

function describe(crash: Crash, files: readonly string[]): Record<string, unknown> {
  const {program, variant, toolchain, commands} = crash.executable
  return {
    program: program.name,
    mode: crash.mode.name,
    variant: variant.name,
    go: toolchain.version,
    gcc: firstLine('gcc', ['--version']),
    build: commands,
    command: crash.command,
    environment: crash.environment,
    trigger: crash.mode.trigger ?? 'itself',
    exitCode: crash.exitCode,
    signal: crash.signal,
    kernel: firstLine('uname', ['-sr']),
    executable: basename(crash.executable.path),
    files: files.map(path => ({
      name: basename(path),
      path,
      sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
      buildId: buildIdOf(path),
      package: debianPackageOf(path),
    })),
  }
}

function buildIdOf(path: string): string | null {
  const text = attempt('readelf', ['-n', path])
  return /Build ID: ([0-9a-f]+)/.exec(text)?.[1] ?? null
}

/** `libc6 2.36-9`, or null for a file that no package owns. dpkg knows some files by their path before usrmerge. */
function debianPackageOf(path: string): string | null {
  for (const candidate of [path, realpathSync(path), path.replace(/^\/usr\/lib\//, '/lib/')]) {
    const owner = /^([^:\s]+)[:,]/.exec(attempt('dpkg', ['-S', candidate]))?.[1]
    if (owner !== undefined)
      return attempt('dpkg-query', ['-W', '-f', `$\{Package} $\{Version}\n`, owner]).split('\n')[0] ?? null
  }
  return null
}

function firstLine(command: string, args: readonly string[]): string {
  return attempt(command, args).split('\n')[0] ?? ''
}

function attempt(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    })
  } catch {
    return ''
  }
}

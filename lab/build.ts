import {execFileSync} from 'node:child_process'
import {copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import process from 'node:process'
import {fileURLToPath} from 'node:url'
import {findProgram, type Program} from './programs.ts'
import {dropSectionHeaders} from './section-headers.ts'
import {buildEnvironment, minorOf, openToolchain, type Toolchain} from './toolchain.ts'
import {findVariant, type Variant} from './variants.ts'

/** A built program, ready to crash. */
export interface Executable {
  readonly program: Program
  readonly variant: Variant
  readonly toolchain: Toolchain
  readonly path: string
  readonly directory: string
  /** The commands that made it, as they were run. */
  readonly commands: readonly string[]
}

export const programsDirectory = join(dirname(fileURLToPath(import.meta.url)), '../fixtures/programs')

/** A neutral place, so that no path of the machine that built a fixture gets into it. */
export function labDirectory(): string {
  return process.env.GOTRACE_LAB ?? '/tmp/gotrace-lab'
}

/**
 * Builds a program with one release in one variant, in a directory of its own that holds a copy of the source.
 * Throws an Error with the compiler's output when it does not build.
 */
export function build(programName: string, release: string, variantName = 'default'): Executable {
  const program = findProgram(programName)
  const variant = findVariant(variantName)
  const installed = openToolchain(release)
  const toolchain = program.kind === 'linkshared' ? copyToolchain(installed) : installed
  const directory = join(labDirectory(), `go${release}`, program.name, variant.name)
  mkdirSync(directory, {recursive: true})
  copySources(join(programsDirectory, program.sources ?? program.name), directory)
  writeFileSync(join(directory, 'go.mod'), `module gotrace.example/${program.name}\n\ngo ${release}\n`)
  const commands: string[] = []
  const environment = {
    ...buildEnvironment(toolchain, labDirectory()),
    ...variant.environment,
  }
  const run = (command: string, args: readonly string[]): void => {
    commands.push([basename(command), ...args].join(' '))
    runTool(command, args, directory, environment)
  }
  if (program.library) buildLibrary(program.library, run)
  const path = join(directory, program.name)
  buildByKind(program, variant, toolchain, run)
  if (variant.after === 'strip') run('strip', [program.name])
  if (variant.after === 'drop-section-headers') dropSectionHeaders(path)
  return {program, variant, toolchain, path, directory, commands}
}

/** Whether this release can build this program in this variant at all. */
export function isBuildable(program: Program, release: string, variant: Variant): boolean {
  const minor = minorOf(release)
  if (variant.pure && !program.pure) return false
  if (variant.excludesLibrary && program.library) return false
  return minor >= (program.since ?? 0) && minor >= (variant.since ?? 0)
}

/** Whether a program that needs a tool at run time can be crashed here. */
export function isToolPresent(tool: string | undefined): boolean {
  if (tool === undefined) return true
  return (process.env.PATH ?? '/usr/bin').split(':').some(directory => existsSync(join(directory, tool)))
}

type Run = (command: string, args: readonly string[]) => void

function buildByKind(program: Program, variant: Variant, toolchain: Toolchain, run: Run): void {
  const flags = ['build', '-trimpath', ...variant.flags]
  if (program.kind === 'go') {
    run(toolchain.go, [...flags, '-o', program.name, '.'])
    return
  }
  if (program.kind === 'plugin') {
    run(toolchain.go, [...flags, '-buildmode=plugin', '-o', 'part.so', './part'])
    run(toolchain.go, [...flags, '-o', program.name, '.'])
    return
  }
  if (program.kind === 'go-library') {
    run(toolchain.go, [...flags, '-buildmode=c-shared', '-o', `lib${program.name}.so`, './library'])
    run(toolchain.go, [...flags, '-o', program.name, '.'])
    return
  }
  if (program.kind === 'linkshared') {
    const [, ...options] = flags
    run(toolchain.go, ['install', ...options, '-buildmode=shared', ...SHARED_PACKAGES])
    run(toolchain.go, [...flags, '-linkshared', '-o', program.name, '.'])
    return
  }
  const stem = `lib${program.sources ?? program.name}`
  const library = program.kind === 'c-shared' ? `${stem}.so` : `${stem}.a`
  run(toolchain.go, [...flags, `-buildmode=${program.kind}`, '-o', library, '.'])
  const host = ['-g', '-O2', '-ffile-prefix-map=.=.', '-I.', '-o', program.name, 'host/host.c']
  const link = program.kind === 'c-shared' ? ['-L.', `-l${stem.slice(3)}`, '-Wl,-rpath,$ORIGIN'] : [library]
  run('gcc', [...host, ...link, '-pthread'])
}

/** As few as have the runtime and cgo in them: all of std makes a library of 40 MB. */
const SHARED_PACKAGES = ['runtime', 'runtime/cgo', 'sync/atomic']

/** Shared libraries of packages of std are put into GOROOT/pkg. */
function copyToolchain(toolchain: Toolchain): Toolchain {
  const goroot = join(labDirectory(), `go${toolchain.release}`, 'goroot')
  if (!existsSync(goroot)) cpSync(toolchain.goroot, goroot, {recursive: true, dereference: true})
  return {...toolchain, goroot, go: join(goroot, 'bin/go')}
}

function buildLibrary(library: NonNullable<Program['library']>, run: Run): void {
  const output = basename(library.source).replace(/\.c$/, '.so')
  run('gcc', ['-g', '-O2', ...library.flags, '-fPIC', '-shared', '-o', output, library.source])
}

function copySources(from: string, to: string): void {
  mkdirSync(to, {recursive: true})
  for (const entry of readdirSync(from, {withFileTypes: true})) {
    const target = join(to, entry.name)
    if (entry.isDirectory()) copySources(join(from, entry.name), target)
    else copyFileSync(join(from, entry.name), target)
  }
}

function runTool(command: string, args: readonly string[], cwd: string, env: Record<string, string>): void {
  try {
    execFileSync(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 600_000,
    })
  } catch (error) {
    const output = (error as {stderr?: Uint8Array}).stderr
    const text = output ? new TextDecoder().decode(output) : String(error)
    throw new Error(`${basename(command)} ${args.join(' ')} (in ${cwd})\n${text}`, {cause: error})
  }
}

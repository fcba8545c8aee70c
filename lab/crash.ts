import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {createReadStream, createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import type {Executable} from './build.ts'
import {findMode, type Mode} from './programs.ts'

/** What one run of a program left behind. */
export interface Crash {
  readonly executable: Executable
  readonly mode: Mode
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** The core, or undefined when the level of GOTRACEBACK makes none. */
  readonly corePath: string | undefined
  readonly stderrPath: string
  readonly exitCode: number | null
  readonly signal: string | null
}

export interface CrashOptions {
  /** GOTRACEBACK; `crash` by default, the only level that leaves a core. */
  readonly traceback?: string
  readonly seconds?: number
}

const readyLine = 'ready'

/** Runs one mode of an executable in `directory` (emptied first) until it is dead and its core is written. */
export async function crash(
  executable: Executable,
  modeName: string,
  directory: string,
  options: CrashOptions = {},
): Promise<Crash> {
  checkCorePattern()
  const mode = findMode(executable.program, modeName)
  rmSync(directory, {recursive: true, force: true})
  mkdirSync(directory, {recursive: true})
  const environment = {
    PATH: '/usr/bin:/bin',
    GOTRACEBACK: options.traceback ?? 'crash',
    ...mode.environment,
  }
  const stderrPath = join(directory, 'stderr.txt')
  // prlimit becomes the program, so the limit holds without a shell's variables in the core.
  const child = spawn('prlimit', ['--core=unlimited', executable.path, ...mode.arguments], {
    cwd: directory,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = saveStream(child, stderrPath)
  const timer = setTimeout(() => child.kill('SIGKILL'), (options.seconds ?? 90) * 1000)
  const ended = waitForEnd(child)
  await pull(child, mode, directory)
  const {exitCode, signal} = await ended
  clearTimeout(timer)
  await written
  const corePath = findCore(directory)
  const command = [executable.path, ...mode.arguments]
  return {
    executable,
    mode,
    command,
    environment,
    corePath,
    stderrPath,
    exitCode,
    signal,
  }
}

/** Fails, with the remedy, where the kernel hands cores to a program or puts them somewhere else. */
export function checkCorePattern(): void {
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim()
  if (pattern.startsWith('|') || pattern.includes('/')) {
    throw new Error(
      `kernel.core_pattern is "${pattern}": cores must land in the current directory. ` +
        'As root: sysctl -w kernel.core_pattern=core',
    )
  }
}

function saveStream(child: ChildProcess, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const file = createWriteStream(path)
    file.on('finish', resolve).on('error', reject)
    child.stderr?.pipe(file)
  })
}

function waitForEnd(child: ChildProcess): Promise<{exitCode: number | null; signal: string | null}> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (exitCode, signal) => resolve({exitCode, signal}))
  })
}

/** Pulls the trigger of a mode that waits for one. */
async function pull(child: ChildProcess, mode: Mode, directory: string): Promise<void> {
  const trigger = mode.trigger ?? 'itself'
  if (trigger === 'itself') {
    child.stdout?.resume()
    return
  }
  await waitForReady(child)
  const pid = child.pid
  if (pid === undefined) throw new Error('the program did not start')
  if (trigger !== 'gcore') {
    child.kill(trigger)
    return
  }
  try {
    execFileSync('gcore', ['-o', join(directory, 'core'), String(pid)], {
      stdio: 'ignore',
      timeout: 120_000,
    })
    // gdb writes out what was never touched: 2 GB of zeros for a Go heap.
    execFileSync('fallocate', ['--dig-holes', join(directory, `core.${pid}`)])
  } finally {
    child.kill('SIGKILL')
  }
}

function waitForReady(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    let text = ''
    child.stdout?.on('data', (chunk: Uint8Array) => {
      text += new TextDecoder().decode(chunk)
      if (text.includes(readyLine)) resolve()
    })
    child.on('exit', () => resolve())
  })
}

function findCore(directory: string): string | undefined {
  const name = readdirSync(directory).find(entry => /^core(\.\d+)?$/.test(entry))
  const path = name === undefined ? undefined : join(directory, name)
  return path !== undefined && existsSync(path) ? path : undefined
}

/** The first `length` bytes of a text file, for messages. */
export async function readHead(path: string, length = 400): Promise<string> {
  let text = ''
  for await (const chunk of createReadStream(path, {
    encoding: 'utf8',
    end: length,
  }))
    text += chunk
  return text
}

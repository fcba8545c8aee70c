import {fstatSync, ftruncateSync, readFileSync, readSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {type Command, Config, Plugin} from '@oclif/core'

/** What one command may take of one input: the committed crashes need 0.2 s and 250 MB, most of that Node's own. */
export const LIMITS = {cpuSeconds: 20, bytes: 1_000_000_000, outputBytes: 50_000_000} as const

export interface Answer {
  readonly exitCode: number
  readonly stdout: Uint8Array
  readonly stderr: string
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Runs commands in this process, whose standard output and error must be files of their own: they are read back and
 * emptied after each.
 */
export class CommandRunner {
  readonly #config: Config

  private constructor(config: Config) {
    this.#config = config
  }

  static async create(): Promise<CommandRunner> {
    const manifest = readFileSync(join(root, 'package.json'), 'utf8')
    // The bundler puts it into the library.
    Object.assign(globalThis, {PACKAGE_JSON: manifest})
    const pjson = JSON.parse(manifest)
    const plugin = new Plugin({root, pjson, isRoot: true, ignoreManifest: true})
    await plugin.load()
    const plugins = new Map([[plugin.name, plugin]])
    const config = new Config({root, pjson, plugins, userPlugins: false, devPlugins: false})
    await config.load()
    process.env.GOTRACE_DEBUG = '1'
    return new CommandRunner(config)
  }

  /** What a command throws that has no exit code is thrown: it escaped. */
  async run(command: Command.Class, argv: readonly string[]): Promise<Answer> {
    for (const fd of [1, 2]) ftruncateSync(fd, 0)
    const exitCode = await this.#exitCodeOf(command, argv)
    return {exitCode, stdout: readAll(1), stderr: new TextDecoder().decode(readAll(2))}
  }

  async #exitCodeOf(command: Command.Class, argv: readonly string[]): Promise<number> {
    try {
      await command.run([...argv], this.#config)
      return 0
    } catch (error) {
      const code = (error as {oclif?: {exit?: number}}).oclif?.exit
      if (code !== undefined) return code
      throw error
    }
  }
}

/** Faults, and what was taken beyond the limits. */
export async function measured(work: () => Promise<string[]>): Promise<string[]> {
  resetPeak()
  const started = process.cpuUsage()
  const faults = await work()
  const {user, system} = process.cpuUsage(started)
  const seconds = (user + system) / 1e6
  const peak = peakBytes()
  return [
    ...faults,
    ...(seconds > LIMITS.cpuSeconds ? [`${seconds.toFixed(1)} s of CPU`] : []),
    ...(peak > LIMITS.bytes ? [`${peak} bytes resident`] : []),
  ]
}

function readAll(fd: number): Uint8Array {
  const bytes = new Uint8Array(fstatSync(fd).size)
  readSync(fd, bytes, 0, bytes.length, 0)
  return bytes
}

/** VmHWM begins anew (Linux: Documentation/filesystems/proc.rst, clear_refs). */
function resetPeak(): void {
  writeFileSync('/proc/self/clear_refs', '5')
}

function peakBytes(): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return Number(kilobytes ?? 0) * 1024
}

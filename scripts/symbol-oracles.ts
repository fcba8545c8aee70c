/** The command under judgement and the three tools that judge it: each answers a list of addresses of one file. */
import {spawnSync} from 'node:child_process'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

export interface Frame {
  function: string | null
  file: string | null
  line: number | null
}

/** Innermost inline first; addresses that were not answered are absent. */
export type Answers = ReadonlyMap<number, readonly Frame[]>

export interface Oracle {
  name: string
  command: string
  /** Names as the linker knows them, or as people read them. */
  args: (path: string, demangled: boolean) => string[]
}

export const ORACLES: readonly Oracle[] = [
  {
    name: 'addr2line',
    command: 'addr2line',
    args: (path, demangled) => ['-a', '-i', '-f', ...(demangled ? ['-C'] : []), '-e', path],
  },
  {
    name: 'eu-addr2line',
    command: 'eu-addr2line',
    args: (path, demangled) => ['-a', '-i', '-f', ...(demangled ? ['-C'] : []), '-e', path],
  },
  {
    name: 'llvm-symbolizer',
    command: 'llvm-symbolizer',
    args: (path, demangled) => [
      '--output-style=GNU',
      '-a',
      '-i',
      '-f',
      demangled ? '--demangle' : '--no-demangle',
      '-e',
      path,
    ],
  },
]

const ENTRY = join(dirname(fileURLToPath(import.meta.url)), '../bin/run.cjs')
const LIMITS = {maxBuffer: 2 ** 30, encoding: 'utf8', timeout: 300_000} as const
const hex = (address: number): string => `0x${address.toString(16)}`

/**
 * Runs a program on the addresses, streamed on its standard input. eu-addr2line exits with 1 where it lacks debug
 * information.
 */
function answer(command: string, args: string[], addresses: readonly number[]): {stdout: string; stderr: string} {
  const {stdout, stderr, error} = spawnSync(command, args, {
    ...LIMITS,
    input: addresses.map(at => `${hex(at)}\n`).join(''),
  })
  if (error) throw error
  return {stdout, stderr}
}

export function oracleAnswers(oracle: Oracle, path: string, addresses: readonly number[], demangled: boolean): Answers {
  return parseGnuAnswers(answer(oracle.command, oracle.args(path, demangled), addresses).stdout)
}

/** addr2line's own format: the address, then a line with a name and a line with a place for each frame. */
function parseGnuAnswers(text: string): Answers {
  const answers = new Map<number, Frame[]>()
  let frames: Frame[] = []
  let name: string | undefined
  for (const line of text.split('\n')) {
    if (/^0x[0-9a-f]+$/.test(line)) {
      frames = []
      answers.set(Number(line), frames)
      name = undefined
    } else if (name === undefined) {
      // a blank answer line stands for a frame without a name; those between answers are llvm's
      if (line !== '') name = line.replace(/ inlined at .* in .*$/, '')
    } else {
      frames.push({function: name === '??' ? null : name, ...place(line)})
      name = undefined
    }
  }
  return answers
}

function place(text: string): {file: string | null; line: number | null} {
  const match = /^(.*?)(?::(\d+|\?))?(?::\d+)?(?: \(discriminator \d+\))?$/.exec(text)
  const file = match?.[1]
  const line = Number(match?.[2] ?? 0)
  const known = file !== undefined && file !== '??' && file !== '' && file !== ':'
  return {file: known ? file : null, line: Number.isNaN(line) || line === 0 ? null : line}
}

interface SymbolizedLine {
  address: string
  calls: {pc: string; file: string | null; lineno: number; func: string | null}[]
}

/** What the command says, and how long it took, and what it complained of. */
export function ourAnswers(
  path: string,
  addresses: readonly number[],
  demangled: boolean,
): {answers: Answers; complaints: string; milliseconds: number} {
  const started = performance.now()
  const args = [ENTRY, 'symbolize', path, '--json', ...(demangled ? [] : ['--no-demangle'])]
  const {stdout, stderr} = answer(process.execPath, args, addresses)
  const answers = new Map<number, Frame[]>()
  for (const line of stdout.split('\n')) {
    if (line === '') continue
    const {address, calls} = JSON.parse(line) as SymbolizedLine
    const frames = calls.map(call => ({function: call.func, file: call.file, line: call.lineno || null}))
    answers.set(Number(address), frames)
  }
  return {answers, complaints: stderr, milliseconds: performance.now() - started}
}

// The C library's string functions in every form that its processors have (SSE2, AVX2, EVEX), run by the emulator over
// the core of a program that had called them: the same result, and the same memory, for the same arguments.
import assert from 'node:assert/strict'
import {execFileSync, spawnSync} from 'node:child_process'
import {mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {after, describe, test} from 'node:test'
import {fileURLToPath} from 'node:url'
import {checkCorePattern} from '../../lab/crash.ts'
import {EMPTY_WORLD} from '../../lab/instructions/emulated-run.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {USER_REGS} from '../../src/amd64/user-regs.ts'
import {freeAddress, memoryImage} from '../../src/analysis/process/emulated-process.ts'
import {toAddress} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {EmulatedMemory} from '../../src/emulate/emulated-memory.ts'
import {Emulator} from '../../src/emulate/emulator.ts'

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), '../../lab/instructions/string-functions.c')
const LIMITS = {instructions: 1e9, memory: 64 * 1024 * 1024, depth: 10, stack: 1024 * 1024, time: 300_000}
const ROUNDS = 60
const NO_EVEX = '-AVX512F,-AVX512VL,-AVX512BW'

/** What the processor is said not to have, by the names of glibc's tunables. */
const PROCESSORS = {
  'as it is': '',
  'without AVX-512': NO_EVEX,
  'without AVX-512 and transactions': `${NO_EVEX},-RTM`,
  'without AVX2': `${NO_EVEX},-AVX2,-AVX2_Usable,-AVX,-BMI2`,
  'SSE2 alone': `${NO_EVEX},-AVX2,-AVX2_Usable,-AVX,-BMI2,-SSE4_2,-SSE4_1,-SSSE3`,
  'without fast string instructions': '-ERMS,-FSRM',
} as const

const directory = mkdtempSync(join(tmpdir(), 'gotrace-strings-'))
after(() => rmSync(directory, {recursive: true, force: true}))

describe('string functions', () => {
  const seen = new Set<string>()
  for (const [name, hwcaps] of Object.entries(PROCESSORS)) {
    test(name, async () => {
      const {lines, core} = run(hwcaps)
      assert.ok(lines.length > ROUNDS * 30, `${lines.length} calls`)
      assert.deepEqual(await differences(core, lines, seen), [])
    })
  }
  test('there were several forms of the same functions', () => assert.ok(seen.size > 60, `${seen.size} functions`))
})

function run(hwcaps: string): {lines: string[]; core: string} {
  checkCorePattern()
  const cwd = mkdtempSync(join(directory, 'run-'))
  execFileSync('gcc', ['-O1', '-fno-builtin', '-w', '-o', 'functions', SOURCE], {cwd, stdio: 'inherit'})
  const env = {PATH: '/usr/bin:/bin', ...(hwcaps === '' ? {} : {GLIBC_TUNABLES: `glibc.cpu.hwcaps=${hwcaps}`})}
  const options = {cwd, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024} as const
  const {stdout} = spawnSync('prlimit', ['--core=unlimited', './functions', String(ROUNDS)], options)
  const core = readdirSync(cwd).find(file => file.startsWith('core'))
  assert.ok(core, 'no core')
  return {lines: stdout.trimEnd().split('\n'), core: join(cwd, core)}
}

interface Call {
  readonly name: string
  readonly address: number
  readonly words: readonly bigint[]
  readonly result: bigint
  readonly sum: number
  readonly end: number
}

function parseCall(line: string): Call {
  const [name = '', address, one, two, three, four, result, , sum, end] = line.split(' ')
  const word = (text: string | undefined) => BigInt(text ?? '0')
  return {
    name,
    address: Number(address),
    words: [word(one), word(two), word(three), word(four)],
    result: word(result),
    sum: Number(sum),
    end: Number(end),
  }
}

async function differences(core: string, lines: readonly string[], seen: Set<string>): Promise<string[]> {
  const diagnostics = new Diagnostics()
  const dead = await openProcess(core, {exe: undefined, sysroots: [], debugDirs: [], diagnostics})
  try {
    const process = {...dead, memory: dead.addressSpace, isExecutable: () => true}
    const free = freeAddress(process)
    assert.ok(free !== undefined)
    const memory = new EmulatedMemory(memoryImage(process), free, LIMITS.memory)
    const emulator = new Emulator(memory, EMPTY_WORLD, LIMITS)
    emulator.cpu.fsBase = Number(dead.core.threads[0]?.registers[USER_REGS.fs_base])
    const [, , , to, size] = (lines[0] as string).split(' ')
    return lines.slice(1).flatMap(line => {
      const call = parseCall(line)
      seen.add(`${call.name} ${call.address - (dead.modules.find(({path}) => path.includes('libc'))?.start ?? 0)}`)
      return check(emulator, call, Number(to), Number(size))
    })
  } finally {
    dead.close()
  }
}

function check(emulator: Emulator, {name, address, words, result, sum, end}: Call, to: number, size: number): string[] {
  const {memory} = emulator
  const before = memory.read(to, size)
  if (end >= 0) memory.setU8(Number(words[0]) + end, 0)
  let outcome: string
  try {
    const got = emulator.call(toAddress(address), ...words)
    outcome = `${got.toString(16)} ${sumOf(memory.read(to, size))}`
  } catch (error) {
    outcome = String(error)
  }
  memory.write(to, before)
  const wanted = `${result.toString(16)} ${sum}`
  return outcome === wanted
    ? []
    : [`${name}(${words.map(word => word.toString(16)).join(', ')}): ${wanted}, not ${outcome}`]
}

function sumOf(bytes: Uint8Array): number {
  let hash = 2166136261
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619) >>> 0
  return hash
}

// Whole crashes, damaged everywhere that an analysis looks: an answer or a typed error, soon and in little memory.
import {mkdtempSync, rmSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test, {type ExecutionContext} from 'ava'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {DamagedProcess, type FileRange, type Outcome, randomNumbers} from './damaged-process.ts'

/** Damage of each kind; more of it is tried with ROBUSTNESS_ROUNDS=1000. */
const ROUNDS = Number(process.env.ROBUSTNESS_ROUNDS ?? 6)
const SEED = Number(process.env.ROBUSTNESS_SEED ?? 20_261_122)
const SECONDS_MAX = 20
const RSS_MAX = 1_200_000_000
/** An undamaged report of these crashes has well under a million characters. */
const CHARACTERS_MAX = 50_000_000

const directory = mkdtempSync(join(tmpdir(), 'gotrace-damage-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined
}

function check(t: ExecutionContext, what: string, {milliseconds, characters}: Outcome): void {
  t.true(milliseconds < SECONDS_MAX * 1000, `${what}: ${Math.round(milliseconds)} ms`)
  t.true(characters < CHARACTERS_MAX, `${what}: ${characters} characters`)
  t.true(process.memoryUsage.rss() < RSS_MAX, `${what}: ${process.memoryUsage.rss()} bytes resident`)
}

const cases = fixtureNames(
  /^(callback-deep-go1\.27|blocked-panic-go1\.15|hosted-fault-go1\.27|cfault-segv-go1\.27-pie-nosymbols)$/,
)

for (const name of cases) {
  test.serial(`${name}: damage is answered with what is left, or with a typed error`, async t => {
    const place = mkdtempSync(join(directory, `${name}-`))
    const damaged = new DamagedProcess(await openFixture(name), place)
    const {goroutines, machines, stacks} = await damaged.addresses()
    const memory = (list: readonly number[], length: number): FileRange[] =>
      list.map(address => damaged.memory(address, length)).filter(isDefined)
    const kinds: Record<string, FileRange[]> = {
      'program headers': [damaged.headers],
      notes: [damaged.notes],
      goroutines: memory(goroutines, 400),
      machines: memory(machines, 900),
      stacks: stacks
        .map(({lo, hi}) => damaged.memory(Math.max(lo, hi - 1200), Math.min(hi - lo, 1200)))
        .filter(isDefined),
      'Go tables': damaged.sections(/pclntab|^\.go\.|noptrdata|\.data$|typelink|itablink/),
      'unwind tables': damaged.sections(/eh_frame|debug_frame/),
      'debug sections': damaged.sections(/^\.z?debug_/),
      symbols: damaged.sections(/symtab|strtab|dynsym|dynstr|dynamic|note/),
      'ELF headers': [{file: 'executable', start: 16, end: 1000}],
    }
    for (const [kind, ranges] of Object.entries(kinds)) {
      if (ranges.length === 0) continue
      const random = randomNumbers(SEED + kind.length * 7919 + name.length)
      for (let round = 0; round < ROUNDS; round++) {
        const flips = [1, 3, 20][round % 3] as number
        const what = `${kind}, round ${round}`
        try {
          check(t, what, await damaged.analyseWithFlips(ranges, flips, random))
        } catch (error) {
          t.fail(`${what} (seed ${SEED}): ${error instanceof Error ? error.stack : String(error)}`)
        }
      }
    }
  })

  test.serial(`${name}: cut at any length it is answered or refused`, async t => {
    const place = mkdtempSync(join(directory, `${name}-cut-`))
    const damaged = new DamagedProcess(await openFixture(name), place)
    const random = randomNumbers(SEED)
    const whole = statSync(damaged.core).size
    const sizes = Array.from({length: ROUNDS}, (_, index) =>
      index % 2 === 0 ? random(whole) : random(Math.min(whole, damaged.notes.end + 8192)),
    )
    for (const size of sizes.sort((a, b) => b - a)) {
      damaged.cut(size)
      check(t, `${size} bytes`, await damaged.analyse())
    }
  })
}

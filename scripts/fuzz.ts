// Damages committed crashes and asks every command about them, until time or number is up.
//
//   npm run fuzz -- [--seed N] [--count N] [--minutes N] [--keep FOLDER] [--crash NAME]…
//
// An input that breaks a promise is made as small as it can be and written to FOLDER; `test/robustness/corpus` is where
// it goes once it is repaired.
import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {parseArgs} from 'node:util'
import {FUZZED_CRASHES} from '../lab/fuzz/crashes.ts'
import {FuzzProcess, type TrialResult} from '../lab/fuzz/fuzz-process.ts'
import {shrink} from '../lab/fuzz/shrink.ts'
import type {CrashFuzz} from '../lab/fuzz/worker.ts'
import {type Damage, type Recipe, SETTINGS} from '../lab/fuzz/working-copy.ts'

const {values} = parseArgs({
  options: {
    seed: {type: 'string', default: String(Date.now() % 1e9)},
    count: {type: 'string'},
    minutes: {type: 'string'},
    keep: {type: 'string', default: 'fuzz-failures'},
    crash: {type: 'string', multiple: true},
  },
})
const crashes = values.crash ?? FUZZED_CRASHES
const first = Number(values.seed)
const last = values.count === undefined ? Number.POSITIVE_INFINITY : first + Number(values.count)
const end = values.minutes === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(values.minutes) * 60_000
/** Trials of one crash in one setting that follow each other, for it takes a second to prepare them. */
const BATCH = 40

const fuzz: CrashFuzz = new FuzzProcess()
const known = new Set<string>()
let failures = 0
let trials = 0
let slowest = 0
for (let seed = first; seed < last && Date.now() < end; seed++) {
  const batch = Math.floor(seed / BATCH)
  const crash = crashes[batch % crashes.length] as string
  const setting = SETTINGS[Math.floor(batch / crashes.length) % SETTINGS.length] as (typeof SETTINGS)[number]
  if (seed % BATCH === 0) fuzz.close()
  const result = await fuzz.run({crash, setting, seed})
  trials++
  slowest = Math.max(slowest, result.cpuSeconds)
  if (result.faults.length > 0) await keep({crash, setting, damages: result.damages ?? []}, result, seed)
  if (trials % 100 === 0) console.log(`${trials} inputs, ${failures} failures, slowest ${slowest.toFixed(1)} s of CPU`)
}
fuzz.close()
console.log(`${trials} inputs from seed ${first}: ${failures} failures; slowest ${slowest.toFixed(1)} s of CPU`)
process.exitCode = failures > 0 ? 1 : 0

/** One input of each fault is enough; where it is thrown tells faults apart. */
async function keep(recipe: Recipe, {faults}: TrialResult<readonly Damage[]>, seed: number): Promise<void> {
  failures++
  console.log(`seed ${seed}, ${recipe.crash}, ${recipe.setting}: ${faults[0]?.slice(0, 600)}`)
  const kind = (/\n\s+at [^\n]*\n\s+at [^\n]*/.exec(faults[0] ?? '')?.[0] ?? faults[0] ?? '').replace(/\d{4,}/g, 'N')
  if (known.has(kind)) return
  known.add(kind)
  const small = await shrink(recipe, fuzz)
  mkdirSync(values.keep, {recursive: true})
  writeFileSync(
    join(values.keep, `${seed}.json`),
    `${JSON.stringify({was: faults[0]?.split('\n')[0], ...small}, null, 2)}\n`,
  )
}

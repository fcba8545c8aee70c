// Committed crashes, damaged everywhere that a command looks: each command answers or refuses, within its limits.
import {readdirSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test, {type ExecutionContext} from 'ava'
import {FuzzProcess} from '../../lab/fuzz/fuzz-process.ts'
import {mutate} from '../../lab/fuzz/mutator.ts'
import type {PlaceList} from '../../lab/fuzz/place.ts'
import {Random} from '../../lab/fuzz/random.ts'
import type {CrashFuzz, Order} from '../../lab/fuzz/worker.ts'
import {readRecipe, type Setting} from '../../lab/fuzz/working-copy.ts'

/** Inputs of each crash; more are tried with FUZZ_COUNT=1000, others with FUZZ_SEED, and by `npm run fuzz`. */
const COUNT = Number(process.env.FUZZ_COUNT ?? 2)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122)

const fuzz: CrashFuzz = new FuzzProcess()
test.after.always(() => fuzz.close())

async function check(t: ExecutionContext, order: Order): Promise<void> {
  const {faults, damages} = await fuzz.run(order)
  t.deepEqual(faults, [], `${JSON.stringify({...order, damages}).slice(0, 2000)}`)
}

const SUBJECTS: readonly (readonly [crash: string, setting: Setting])[] = [
  ['callback-deep-go1.24', 'found'],
  ['cfault-segv-go1.27-pie-nosymbols', 'hidden'],
  ['stuck-cross-go1.27', 'split'],
  ['hosted-fault-go1.27', 'named'],
]

for (const [crash, setting] of SUBJECTS) {
  test.serial(`${crash}, ${setting}: undamaged it breaks no promise`, async t => {
    await check(t, {crash, setting, damages: []})
  })
  test.serial(`${crash}, ${setting}: damaged it is answered with what is left, or refused`, async t => {
    for (let seed = SEED; seed < SEED + COUNT; seed++) await check(t, {crash, setting, seed})
  })
}

const corpus = fileURLToPath(new URL('corpus/', import.meta.url))
for (const name of readdirSync(corpus).filter(each => each.endsWith('.json'))) {
  const {was, ...recipe} = readRecipe(join(corpus, name))
  test.serial(`${name}: an input that once broke a promise keeps all of them (${was})`, async t => {
    await check(t, recipe)
  })
}

test('one seed makes the same damage on every run, and another one makes another', t => {
  const place = {file: 'core', kind: 'words', at: 64, size: 8, holds: 'pointer'} as const
  const places: PlaceList = {
    kinds: new Map([['words', [place]]]),
    addresses: [0x1000, 0x2000],
    edges: new Map([['core', [0, 4096]]]),
    sizes: new Map([['core', 4096]]),
  }
  const made = Array.from({length: 50}, (_, seed) => JSON.stringify(mutate(places, new Random(seed))))
  t.deepEqual(
    made,
    Array.from({length: 50}, (_, seed) => JSON.stringify(mutate(places, new Random(seed)))),
  )
  t.true(new Set(made).size > 25)
})

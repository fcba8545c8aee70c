// Packages, stores and dumps, damaged: each command answers or refuses, within its limits.
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test, {type ExecutionContext} from 'ava'
import {FILE_SUBJECTS} from '../../lab/fuzz/file-subjects.ts'
import type {FileFuzz, FileOrder} from '../../lab/fuzz/file-worker.ts'
import {FuzzProcess} from '../../lab/fuzz/fuzz-process.ts'

/** Inputs of each kind; more are tried with FUZZ_COUNT=1000, others with FUZZ_SEED, and by `npm run fuzz:files`. */
const COUNT = Number(process.env.FUZZ_COUNT ?? 3)
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_127)

const fuzz: FileFuzz = new FuzzProcess(fileURLToPath(new URL('../../lab/fuzz/file-worker.ts', import.meta.url)))
test.after.always(() => fuzz.close())

async function check(t: ExecutionContext, order: FileOrder): Promise<void> {
  const {faults, damages} = await fuzz.run(order)
  t.deepEqual(faults, [], JSON.stringify({...order, damages}).slice(0, 2000))
}

for (const subject of FILE_SUBJECTS) {
  test.serial(`${subject}: undamaged it is answered`, async t => {
    await check(t, {subject, damages: {edits: []}})
  })
  test.serial(`${subject}: damaged it is answered with what is left, or refused`, async t => {
    for (let seed = SEED; seed < SEED + COUNT; seed++) await check(t, {subject, seed})
  })
}

const corpus = fileURLToPath(new URL('files/', import.meta.url))
for (const name of readdirSync(corpus).filter(each => each.endsWith('.json'))) {
  const {was, ...order}: FileOrder & {was: string} = JSON.parse(readFileSync(join(corpus, name), 'utf8'))
  test.serial(`${name}: a file that once broke a promise keeps all of them (${was})`, async t => {
    await check(t, order)
  })
}

// The process that runs the commands on damaged crashes, started by FuzzProcess and killed where it takes too much.
import {mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {findPlaces, type Places} from './find-places.ts'
import type {FuzzProcess, Report} from './fuzz-process.ts'
import {mutate} from './mutator.ts'
import {FORMS} from './questions.ts'
import {Random} from './random.ts'
import {Trial} from './trial.ts'
import {type Damage, type Recipe, type Setting, WorkingCopy} from './working-copy.ts'

/** An input that is asked for: one that is known, or whatever comes of a seed, which is asked about in one form. */
export type Order = Recipe | {readonly crash: string; readonly setting: Setting; readonly seed: number}
export type CrashFuzz = FuzzProcess<Order, readonly Damage[]>

const directory = process.argv[2] as string
const subjects = new Map<string, Promise<{copy: WorkingCopy; places: Places}>>()
process.chdir(directory)
const trial = await Trial.create()

async function prepare(crash: string, setting: Setting): Promise<{copy: WorkingCopy; places: Places}> {
  const copy = await WorkingCopy.create(crash, setting, mkdtempSync(join(directory, `${crash}-`)))
  return {copy, places: await findPlaces(copy)}
}

async function answer(order: Order): Promise<void> {
  const {crash, setting} = order
  const key = `${crash} ${setting}`
  const subject = subjects.get(key) ?? prepare(crash, setting)
  subjects.set(key, subject)
  const {copy, places} = await subject
  const damages = 'seed' in order ? mutate(places, new Random(order.seed)) : order.damages
  send({damages})
  const undo = copy.apply(damages)
  try {
    const form = 'seed' in order ? FORMS[order.seed % FORMS.length] : undefined
    send(await trial.run(copy, places.programPcs, form))
  } finally {
    undo()
  }
}

function send(report: Report<readonly Damage[]>): void {
  process.send?.(report)
}

process.on('message', (order: Order) => {
  answer(order).catch(error => {
    send({faults: [`escaped: ${error instanceof Error ? error.stack : error}`], cpuSeconds: 0})
  })
})
process.on('disconnect', () => {
  rmSync(directory, {recursive: true, force: true})
  process.exit()
})

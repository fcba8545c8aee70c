// The process that runs the commands on damaged files that are no cores, started by FuzzProcess.
import {mkdtempSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import {CommandRunner, LIMITS, measured} from './command-runner.ts'
import type {FileDamage} from './file-mutator.ts'
import {type FileQuestion, type FileSubject, type FileSubjectName, fileSubject} from './file-subjects.ts'
import type {FuzzProcess, Report} from './fuzz-process.ts'
import {rawIn} from './questions.ts'
import {Random} from './random.ts'
import type {Outcome} from './trial.ts'

/** A file that is asked for: a damage that is known, or whatever comes of a seed. */
export type FileOrder = {readonly subject: FileSubjectName} & ({readonly seed: number} | {readonly damages: FileDamage})
export type FileFuzz = FuzzProcess<FileOrder, FileDamage>

const EXIT_CODES = new Set([0, 1, 2, 3])
const SOUND = new Set([0])
const directory = process.argv[2] as string
process.chdir(directory)
const runner = await CommandRunner.create()
const subjects = new Map<string, Promise<FileSubject>>()

async function answer(order: FileOrder): Promise<void> {
  const {subject: name} = order
  const making = subjects.get(name) ?? fileSubject(name, runner, mkdtempSync(join(directory, `${name}-`)))
  subjects.set(name, making)
  const subject = await making
  const damages = 'seed' in order ? subject.damage(new Random(order.seed)) : order.damages
  send({damages})
  send(await judge(subject, damages))
}

async function judge(subject: FileSubject, damages: FileDamage): Promise<Outcome> {
  const path = join(directory, 'damaged')
  subject.write(path, damages)
  const faults: string[] = []
  const started = process.cpuUsage()
  for (const question of subject.questions(path)) {
    const name = `${question.command.summary?.slice(0, 30)} ${question.argv.join(' ')}`
    const isSound = damages.edits.length === 0 && damages.document === undefined
    for (const fault of await measured(() => ask(question, isSound ? SOUND : EXIT_CODES)))
      faults.push(`${name}: ${fault}`)
  }
  if (subject.ask) for (const fault of await measured(async () => (await subject.ask?.(path)) ?? [])) faults.push(fault)
  const {user, system} = process.cpuUsage(started)
  return {faults, cpuSeconds: (user + system) / 1e6}
}

async function ask({command, argv, json}: FileQuestion, exitCodes: ReadonlySet<number>): Promise<string[]> {
  const {exitCode, stdout, stderr} = await runner.run(command, argv)
  const faults: string[] = []
  if (!exitCodes.has(exitCode)) faults.push(`exit ${exitCode}: ${stderr.slice(0, 2000)}`)
  if (stdout.length > LIMITS.outputBytes) faults.push(`${stdout.length} bytes of output`)
  if (exitCode !== 0 && exitCode !== 3 && stderr === '' && !json) faults.push('an error without a word')
  const shown = new TextDecoder().decode(stdout)
  if (json) {
    try {
      if (shown !== '' || exitCode === 0) JSON.parse(shown)
    } catch (error) {
      faults.push(`no JSON: ${error}: ${shown.slice(-200)}`)
    }
  } else faults.push(...rawIn(shown.replaceAll('\r\n', '\n'), 'stdout'))
  return [...faults, ...rawIn(stderr, 'stderr')]
}

function send(report: Report<FileDamage>): void {
  process.send?.(report)
}

process.on('message', (order: FileOrder) => {
  answer(order).catch(error => {
    send({faults: [`escaped: ${error instanceof Error ? error.stack : error}`], cpuSeconds: 0})
  })
})
process.on('disconnect', () => {
  rmSync(directory, {recursive: true, force: true})
  process.exit()
})

// Holds what every command says of a minimal core and of a package against what it says of the core itself.
//
//   npm run compare:packed                      every committed core
//   npm run compare:packed -- --every 8         each eighth of them
//   npx tsx scripts/compare-packed.ts --core core.1234 [--exe FILE]     a core of yours
import {mkdtempSync, rmSync, statSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {parseArgs} from 'node:util'
import {fixtureNames, openFixture} from '../lab/fixtures.ts'
import {gotrace} from '../lab/gotrace.ts'

const {values} = parseArgs({
  options: {every: {type: 'string', default: '1'}, core: {type: 'string'}, exe: {type: 'string'}},
})

const QUESTIONS = [
  ['analyze', '--json', '--values'],
  ['analyze', '--json'],
  ['analyze', '--traceback', 'crash'],
  ['threads', '--json'],
  ['cgo', '--json'],
  ['goroutines', '--json'],
  ['info', '--json'],
]

interface Subject {
  readonly name: string
  readonly core: string
  readonly flags: readonly string[]
}

async function* subjects(): AsyncGenerator<Subject> {
  if (values.core !== undefined) {
    yield {name: values.core, core: values.core, flags: values.exe === undefined ? [] : ['-e', values.exe]}
    return
  }
  for (const [index, name] of fixtureNames().entries()) {
    if (index % Number(values.every) !== 0) continue
    const {core, executable, sysroot} = await openFixture(name)
    yield {name, core, flags: ['-e', executable, '--sysroot', sysroot]}
  }
}

/** What a command says of a core, wherever that lies. */
function ask(question: readonly string[], core: string, flags: readonly string[]): string {
  const {stdout, stderr} = gotrace([...question, core, ...flags])
  return `${stdout}\n${stderr}`.replaceAll(core, 'CORE')
}

function make(command: 'minimise' | 'pack', {core, flags}: Subject, to: string): boolean {
  rmSync(to, {force: true})
  const {stderr} = gotrace([command, core, ...flags, '-o', to, '--quiet'])
  if (stderr !== '') console.log(`${command}: ${stderr}`)
  return statSync(to, {throwIfNoEntry: false}) !== undefined
}

const folder = mkdtempSync(join(tmpdir(), 'gotrace-packed-'))
let different = 0
let asked = 0
try {
  for await (const subject of subjects()) {
    const [small, packed] = [join(folder, 'small'), join(folder, 'crash.gtc')]
    if (!make('minimise', subject, small) || !make('pack', subject, packed)) {
      different++
      continue
    }
    const wrong = QUESTIONS.filter(question => {
      asked += 2
      const whole = ask(question, subject.core, subject.flags)
      // A package tells of the core that it was made of, by the path that that had.
      return (
        ask(question, small, subject.flags) !== whole ||
        ask(question, packed, []).replaceAll(subject.core, 'CORE') !== whole
      )
    })
    different += wrong.length
    const sizes = [subject.core, small, packed].map(path => statSync(path).size).join(' → ')
    console.log(`${subject.name}: ${sizes} bytes${wrong.map(words => `, differs: ${words.join(' ')}`).join('')}`)
  }
} finally {
  rmSync(folder, {recursive: true, force: true})
}
console.log(`${asked} answers, ${different} different`)
process.exitCode = different === 0 ? 0 : 1

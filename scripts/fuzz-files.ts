// Damages the files besides cores that commands read — packages, minimal cores, stores, tracebacks, profiles, lines of
// batch — and asks the commands about them, until time or number is up.
//
//   npm run fuzz:files -- [--seed N] [--count N] [--minutes N] [--keep FOLDER] [--subject NAME]…
//
// What breaks a promise is written to FOLDER; `test/robustness/files` is where it goes once it is repaired.
import {mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {FILE_SUBJECTS, type FileSubjectName} from '../lab/fuzz/file-subjects.ts'
import type {FileFuzz} from '../lab/fuzz/file-worker.ts'
import {FuzzProcess} from '../lab/fuzz/fuzz-process.ts'

const {values} = parseArgs({
  options: {
    seed: {type: 'string', default: String(Date.now() % 1e9)},
    count: {type: 'string', default: '1000000000'},
    minutes: {type: 'string', default: '1000000'},
    keep: {type: 'string', default: 'fuzz-failures'},
    subject: {type: 'string', multiple: true},
  },
})
const subjects = (values.subject as FileSubjectName[] | undefined) ?? FILE_SUBJECTS
const first = Number(values.seed)
const last = first + Number(values.count)
const end = Date.now() + Number(values.minutes) * 60_000

const fuzz: FileFuzz = new FuzzProcess(fileURLToPath(new URL('../lab/fuzz/file-worker.ts', import.meta.url)))
const known = new Set<string>()
let trials = 0
let failures = 0
for (let seed = first; seed < last && Date.now() < end; seed++) {
  const subject = subjects[seed % subjects.length] as FileSubjectName
  const {faults, damages} = await fuzz.run({subject, seed})
  trials++
  if (trials % 100 === 0) console.log(`${trials} files, ${failures} failures`)
  if (faults.length === 0) continue
  failures++
  console.log(`seed ${seed}, ${subject}: ${faults[0]?.slice(0, 800)}`)
  const kind = `${subject} ${/\n\s+at [^\n]*\n\s+at [^\n]*/.exec(faults[0] ?? '')?.[0] ?? faults[0]?.replace(/\d+/g, 'N')}`
  if (known.has(kind)) continue
  known.add(kind)
  mkdirSync(values.keep, {recursive: true})
  writeFileSync(
    join(values.keep, `${subject}-${seed}.json`),
    `${JSON.stringify({was: faults[0]?.split('\n')[0], subject, damages})}\n`,
  )
}
fuzz.close()
console.log(`${trials} files from seed ${first}: ${failures} failures`)
process.exitCode = failures > 0 ? 1 : 0

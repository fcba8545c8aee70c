import {readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'src')

/** docs/architecture.md: imports point down only; rooms on one floor never import each other. */
const FLOOR: Record<string, number> = {
  base: 0,
  elf: 1,
  dwarf: 1,
  gosym: 1,
  symbolize: 2,
  'runtime-model': 2,
  unwind: 2,
  acquire: 2,
  analysis: 3,
  render: 3,
  triage: 4,
  commands: 5,
}

/** Third-party packages that live behind the named files alone. */
const KEEPERS: Record<string, RegExp> = {
  elfy: /^elf\/elf-headers\.ts$/,
  'iced-x86': /^(unwind\/(disassembler|faulting-instruction|straight-code)|runtime-model\/.*)\.ts$/,
  '@oclif/core': /^(commands\/.*|main)\.ts$/,
  chalk: /^commands\/.*\.ts$/,
  'node:fs': /^((base|acquire)\/.*|triage\/(work-list|line-store))\.ts$/,
  'node:fs/promises': /^(base|acquire)\/.*\.ts$/,
  workerpool: /^triage\/analyst-pool\.ts$/,
  zod: /^analysis\/((report|answer)-schema|core-report)\.ts$/,
}

interface Import {
  file: string
  target: string
  typeOnly: boolean
}

function* importsOf(file: string): Generator<Import> {
  const text = readFileSync(join(source, file), 'utf8')
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?[^'"`;]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|\brequire\(\s*['"]([^'"]+)['"]\s*\)/gm
  for (const match of text.matchAll(pattern)) {
    yield {file, target: (match[2] ?? match[3] ?? match[4]) as string, typeOnly: match[1] !== undefined}
  }
}

const files = (readdirSync(source, {recursive: true}) as string[]).filter(name => name.endsWith('.ts'))
const imports = files.flatMap(file => [...importsOf(file)])
const roomOf = (file: string): string => file.split('/')[0] as string

test('imports point down the floors, and rooms on one floor know nothing of each other', t => {
  const wrong: string[] = []
  for (const {file, target} of imports) {
    if (!target.startsWith('.') || !file.includes('/')) continue
    const to = relative(source, join(source, dirname(file), target))
    const [from, into] = [roomOf(file), roomOf(to)]
    if (from === into) continue
    const typeOfReport = from === 'render' && to === 'analysis/core-report.ts'
    if ((FLOOR[into] ?? 99) >= (FLOOR[from] ?? -1) && !typeOfReport) wrong.push(`${file} imports ${to}`)
  }
  t.deepEqual(wrong, [])
})

test('every folder of src is a room of a known floor', t => {
  t.deepEqual(
    [...new Set(files.filter(file => file.includes('/')).map(roomOf))].filter(room => FLOOR[room] === undefined),
    [],
  )
})

test('render imports the type of the report alone', t => {
  const values = imports.filter(
    ({file, target, typeOnly}) => roomOf(file) === 'render' && target.includes('analysis/') && !typeOnly,
  )
  t.deepEqual(values, [])
})

test('third-party code and the file system stay behind the files that keep them', t => {
  const wrong = imports.filter(({file, target}) => KEEPERS[target] !== undefined && !KEEPERS[target].test(file))
  t.deepEqual(
    wrong.map(({file, target}) => `${file} imports ${target}`),
    [],
  )
})

test('zod is never loaded by a run: its shapes are imported as types', t => {
  const loaded = imports.filter(
    ({target, typeOnly, file}) =>
      /(report|answer)-schema\.ts$/.test(target) && !typeOnly && file !== 'analysis/answer-schema.ts',
  )
  t.deepEqual(loaded, [])
})

test('nothing below the commands touches the console or the process', t => {
  const wrong = files.filter(file => {
    const room = roomOf(file)
    if (room === 'commands' || room === 'main.ts') return false
    const text = readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return /\bconsole\./.test(text) || (/\bprocess\.(env|exit|stdout|stderr|argv)\b/.test(text) && room !== 'acquire')
  })
  t.deepEqual(wrong, [])
})

test('no barrels and no drawers', t => {
  t.deepEqual(
    files.filter(file => /(^|\/)(index|utils|helpers|misc|common)\.ts$/.test(file)),
    [],
  )
})

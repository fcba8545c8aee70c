// Builds the same bugs in many ways, crashes them, and counts which signatures differ where the bug is one ("split"),
// and which are one where the bugs are two ("merged").
//
//   npx tsx scripts/signatures.ts DIRECTORY [PROGRAM[:MODE,MODE…]…] [--releases 1.21,1.27] [--variants default,pie]
import {copyFileSync, mkdirSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {parseArgs} from 'node:util'
import {build, isBuildable} from '../lab/build.ts'
import {crash} from '../lab/crash.ts'
import {gotrace} from '../lab/gotrace.ts'
import {findProgram} from '../lab/programs.ts'
import {findVariant} from '../lab/variants.ts'

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    releases: {type: 'string', default: '1.21,1.24,1.27'},
    variants: {type: 'string', default: 'default,pie,nosymbols'},
  },
})
const [directory = '/tmp/gotrace-signatures', ...wanted] = positionals
const bugs = (wanted.length > 0 ? wanted : ['cfault:segv,abort,fpe,free', 'gopanic:panic,nil,index,map,divide']).map(
  each => {
    const [name = '', modes] = each.split(':')
    const program = findProgram(name)
    return {program, modes: modes?.split(',') ?? program.modes.map(mode => mode.name)}
  },
)

/** By bug, then by signature, the builds that have it. */
const signatures = new Map<string, Map<string, string[]>>()
for (const {program, modes} of bugs) {
  for (const release of values.releases.split(',')) {
    for (const variant of values.variants.split(',')) {
      if (isBuildable(program, release, findVariant(variant))) await crashAll(program.name, modes, release, variant)
    }
  }
}
process.exitCode = tell()

async function crashAll(name: string, modes: readonly string[], release: string, variant: string): Promise<void> {
  const executable = build(name, release, variant)
  for (const mode of modes) {
    const place = join(directory, `${name}-${mode}-go${release}-${variant}`)
    mkdirSync(place, {recursive: true})
    const {corePath} = await crash(executable, mode, place)
    if (corePath === undefined) continue
    copyFileSync(executable.path, join(place, 'exe'))
    const answer = gotrace(['batch', corePath, '--exe', join(place, 'exe'), '--quiet'])
    const {signature} = JSON.parse(answer.stdout)
    const bug = `${name} ${mode}`
    const found = signatures.get(bug) ?? new Map<string, string[]>()
    signatures.set(bug, found)
    const key = `${signature?.exact} ${signature?.family}`
    found.set(key, [...(found.get(key) ?? []), `go${release}-${variant}`])
  }
}

function tell(): number {
  let split = 0
  const owners = new Map<string, string[]>()
  for (const [bug, found] of signatures) {
    if (found.size > 1) split++
    for (const [key, builds] of found) {
      owners.set(key, [...(owners.get(key) ?? []), bug])
      console.log(`${bug}: ${key}  (${builds.join(' ')})`)
    }
  }
  const merged = [...owners].filter(([, of]) => of.length > 1)
  for (const [key, of] of merged) console.log(`merged: ${of.join(', ')}: ${key}`)
  console.log(`${signatures.size} bugs, ${split} split wrongly, ${merged.length} signatures of several bugs`)
  return split + merged.length > 0 ? 1 : 0
}

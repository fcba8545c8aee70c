// The schemas that others validate with: what is made today is valid, and what is made tomorrow too.
import {readdirSync} from 'node:fs'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {DOCUMENTS, publishedSchema} from '../../src/report/published-schema.ts'
import {complaint, type DocumentName, publishedComplaint, readSchema} from '../support/documents.ts'
import {runCommand} from '../support/run-command.ts'

const names = Object.keys(DOCUMENTS) as DocumentName[]

test('schema/ has the schemas of the source, and no other', t => {
  const files = readdirSync(new URL('../../schema', import.meta.url)).sort()
  t.deepEqual(files, names.map(name => `${name}-1.schema.json`).sort())
  for (const name of names) t.deepEqual(readSchema(name), JSON.parse(JSON.stringify(publishedSchema(name))))
})

test('each schema has an $id of its own', t => {
  t.deepEqual(
    names.map(name => readSchema(name).$id),
    names.map(name => `urn:gotrace-core:schema:${name}-1`),
  )
})

const {core, executable, sysroot} = await openFixture('callback-deep-go1.27')
const {stdout} = runCommand(['analyze', core, '-e', executable, '--sysroot', sysroot, '--json'])
const readExample = (): unknown => JSON.parse(stdout)

interface SchemaNode {
  readonly description?: string
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly $defs?: Readonly<Record<string, SchemaNode>>
}

/** Fields that nothing is said of, by their way from the root. */
function* undescribed(node: unknown, path: string): Generator<string> {
  if (typeof node !== 'object' || node === null) return
  const {properties = {}, $defs = {}} = node as SchemaNode
  for (const [name, field] of Object.entries(properties)) {
    const isPart = field.$ref !== undefined && field.$ref !== '#/$defs/hex'
    if (!field.description && !isPart) yield `${path}.${name}`
  }
  for (const [name, part] of Object.entries($defs)) if (!part.description) yield `${path}#${name}`
  for (const [name, inner] of Object.entries(node)) yield* undescribed(inner, `${path}/${name}`)
}

test('every field, and every part with a name, says what it is', t => {
  for (const name of names) t.deepEqual([...undescribed(readSchema(name), name)], [])
})

/** Fields whose values are words of the schema, and fields that map names of the program's own to values. */
const WORDS = new Set(['kind', 'foundBy', 'stop', 'state', 'symbols', 'severity', 'layoutSource', 'agreesWithUnwind'])
const MAPS = new Set(['labels', 'settings', 'registers'])

/** A document as a later version could make it: every object has one more field, every word is a new one. */
function ofTomorrow(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map(item => ofTomorrow(item))
  if (typeof value === 'string' && WORDS.has(key)) return 'a-word-of-tomorrow'
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([name, field]) => [name, ofTomorrow(field, name)] as const)
  return Object.fromEntries(MAPS.has(key) ? fields : [...fields, ['aFieldOfTomorrow', {of: ['any', 'kind']}]])
}

test('a document with fields and words that a later version adds is valid by the schema of today', t => {
  const document = readExample()
  t.is(publishedComplaint('analyze', document), '')
  t.is(publishedComplaint('analyze', ofTomorrow(document)), '')
})

test('a field that is left out, or is of another type, is a mistake still', t => {
  t.regex(publishedComplaint('analyze', {...(readExample() as object), go: undefined}), /go/)
  t.regex(publishedComplaint('analyze', {...(readExample() as object), modules: {}}), /modules must be array/)
})

test('our own tests take neither a field nor a word that the schema does not have', t => {
  t.regex(complaint('analyze', {...(readExample() as object), aFieldOfTomorrow: 1}), /aFieldOfTomorrow/)
  const document = readExample() as {threads: {stop: string}[]}
  for (const thread of document.threads) thread.stop = 'a-word-of-tomorrow'
  t.regex(complaint('analyze', document), /stop/)
})

import {createHash} from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {S3Server} from '../../lab/s3-server.ts'
import {artifactsOf} from '../../src/acquire/build-file.ts'
import {buildKeys, goBuildKey} from '../../src/acquire/build-key.ts'
import {FolderStore} from '../../src/acquire/folder-store.ts'
import {pullSymbols} from '../../src/acquire/symbol-pull.ts'
import {pushSymbols} from '../../src/acquire/symbol-push.ts'
import {openSymbolStore, SymbolServers, symbolStores} from '../../src/acquire/symbol-servers.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {buildElf, buildGnuBuildIdNote, buildGoBuildIdNote, ET, PT, SHT} from '../support/elf-builder.ts'
import {type HttpStub, serveBytes, startHttpStub} from '../support/http-stub.ts'

const root = mkdtempSync(join(tmpdir(), 'symbol-store-test-'))
const stubs: HttpStub[] = []
test.after.always(() => {
  rmSync(root, {recursive: true})
  for (const stub of stubs) stub.close()
})
let folders = 0
function newFolder(): string {
  const path = join(root, String(folders++))
  mkdirSync(path)
  return path
}

const GNU = '0123456789abcdef0123456789abcdef01234567'
const GO = 'p795fXOnmFQdcpxinOVo/imdLrcu6N057jWYteUwy/tQGaYUvhTyymb4LQLF1S/ynPGuV_J3tNRiUivLJYg'
const GO_KEY = createHash('sha256').update(GO).digest('hex').slice(0, 40)

interface Parts {
  gnu?: string
  go?: string
  code?: boolean
  debug?: boolean
}

function image({gnu, go, code = true, debug = false}: Parts): Uint8Array {
  const none = new Uint8Array(0)
  const sections = [
    {
      name: '.text',
      type: code ? SHT.PROGBITS : SHT.NOBITS,
      address: 0x1000,
      bytes: code ? Uint8Array.of(0xc3) : none,
      size: 1,
    },
    ...(gnu === undefined ? [] : [{name: '.note.gnu.build-id', type: SHT.NOTE, bytes: buildGnuBuildIdNote(gnu)}]),
    ...(go === undefined ? [] : [{name: '.note.go.buildid', type: SHT.NOTE, bytes: buildGoBuildIdNote(go)}]),
    ...(debug ? [{name: '.debug_info', type: SHT.PROGBITS, bytes: Uint8Array.of(1, 2, 3)}] : []),
  ]
  const segments = code ? [{type: PT.LOAD, from: '.text', to: '.text'}] : []
  return buildElf({type: ET.DYN, sections, segments})
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

function filesBelow(folder: string): string[] {
  return (
    readdirSync(folder, {recursive: true, withFileTypes: true}) as {
      isFile(): boolean
      parentPath?: string
      path: string
      name: string
    }[]
  )
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort()
}

const options = () => ({diagnostics: new Diagnostics()})
const push = async (paths: string[], store: string) =>
  (await all(pushSymbols(paths, await openSymbolStore(store, {}), options()))).map(({state, key, artifact}) =>
    [state, key, artifact].join(' '),
  )
const pull = async (words: string[], symbols: string[], folder: string, diagnostics = new Diagnostics()) =>
  (await all(pullSymbols(words, folder, {diagnostics, symbols}))).map(({state, key, artifact}) =>
    [state, key, artifact].join(' '),
  )

test('a build goes by its IDs: GNU’s as it is, Go’s by a hash', t => {
  t.is(goBuildKey(GO), GO_KEY)
  t.deepEqual(buildKeys({gnu: GNU, go: GO}), [GNU, GO_KEY])
  t.deepEqual(buildKeys({gnu: undefined, go: GO}), [GO_KEY])
  t.deepEqual(buildKeys({gnu: '../../etc', go: ''}), [])
  t.deepEqual(symbolStores({GOTRACE_SYMBOLS: ' /a  s3://b/c '}), ['/a', 's3://b/c'])
})

test('a file serves as code, as debug information, or as both', t => {
  const serves = (parts: Parts): string[] =>
    artifactsOf(ElfFile.open(new BytesSource(image(parts), 'file'), new Diagnostics()))
  t.deepEqual(serves({}), ['executable'])
  t.deepEqual(serves({debug: true}), ['executable', 'debuginfo'])
  t.deepEqual(serves({code: false, debug: true}), ['debuginfo'])
  t.deepEqual(serves({code: false}), [])
})

test('a folder is laid out as debuginfod serves it and as a build-ID tree, and is filled once', async t => {
  const [from, store] = [newFolder(), newFolder()]
  writeFileSync(join(from, 'server'), image({gnu: GNU, go: GO, debug: true}))
  writeFileSync(join(from, 'readme'), 'no program')
  mkdirSync(join(from, 'inner'))
  writeFileSync(join(from, 'inner', 'nameless'), image({}))
  symlinkSync('server', join(from, 'link'))
  const entries = [GNU, GO_KEY].flatMap(key => ['executable', 'debuginfo'].map(artifact => `${key} ${artifact}`))
  t.deepEqual(await push([from], store), ['left-out  ', ...entries.map(entry => `stored ${entry}`)])
  t.deepEqual(
    await push([join(from, 'server')], store),
    entries.map(entry => `held ${entry}`),
  )
  const names = [GNU, GO_KEY].flatMap(key => [`buildid/${key}/debuginfo`, `buildid/${key}/executable`])
  t.deepEqual(filesBelow(store), names.sort())
  for (const [suffix, name] of [
    ['', 'executable'],
    ['.debug', 'debuginfo'],
  ]) {
    const tree = readFileSync(join(store, '.build-id', GNU.slice(0, 2), `${GNU.slice(2)}${suffix}`))
    t.deepEqual(tree, readFileSync(join(store, 'buildid', GNU, name as string)))
  }
})

test('what is named and is nothing to keep is refused, and what is no store', async t => {
  const from = newFolder()
  writeFileSync(join(from, 'readme'), 'no program')
  await t.throwsAsync(push([join(from, 'readme')], newFolder()), {instanceOf: InputError, message: /no program, lib/})
  await t.throwsAsync(push([join(from, 'missing')], newFolder()), {instanceOf: InputError, message: /no such file/})
  await t.throwsAsync(push([from], 'https://host/'), {instanceOf: InputError, message: /nothing can be put there/})
  await t.throwsAsync(pull(['x'], ['/store'], newFolder()), {instanceOf: InputError, message: /no build ID/})
  await t.throwsAsync(pull([GNU], [], newFolder()), {instanceOf: InputError, message: /no symbol store/})
})

test('a file of another build, or a damaged one, in a store is not used, and is replaced', async t => {
  const [from, store] = [newFolder(), newFolder()]
  writeFileSync(join(from, 'server'), image({gnu: GNU}))
  const other = image({gnu: GNU.replace('0', 'f')})
  const path = join(store, 'buildid', GNU, 'executable')
  mkdirSync(join(store, 'buildid', GNU), {recursive: true})
  for (const bad of [other, new TextEncoder().encode('junk'), image({gnu: GNU}).subarray(0, 70)]) {
    writeFileSync(path, bad)
    t.deepEqual(await pull([GNU], [store], newFolder()), [`missing ${GNU} `])
    t.deepEqual(await push([join(from, 'server')], store), [`stored ${GNU} executable`])
    t.deepEqual(new Uint8Array(readFileSync(path)), image({gnu: GNU}))
  }
})

test('files come out of folders and servers, of either layout, checked; a miss is not remembered', async t => {
  const bytes = image({gnu: GNU, go: GO})
  const served = new Map<string, Uint8Array>()
  const stub = await startHttpStub((request, response) => {
    const found = served.get(request.url ?? '')
    if (found) serveBytes(request, response, found)
    else response.writeHead(404).end()
  })
  stubs.push(stub)
  const folder = newFolder()
  t.deepEqual(await pull([GNU], [stub.url], folder), [`missing ${GNU} `])
  served.set(`/.build-id/01/${GNU.slice(2)}`, bytes)
  t.deepEqual(await pull([GNU], [stub.url], folder), [`stored ${GNU} executable`])
  t.deepEqual(await pull([GNU.toUpperCase()], [stub.url], folder), [`held ${GNU} executable`])
  t.true(existsSync(join(folder, '.build-id', '01', GNU.slice(2))))
  served.set(`/buildid/${GO_KEY}/executable`, bytes)
  t.deepEqual(await pull([GO], [stub.url], newFolder()), [`stored ${GO_KEY} executable`])
  served.set(`/buildid/${GO_KEY}/executable`, image({gnu: GNU, go: `${GO}x`}))
  const diagnostics = new Diagnostics()
  t.deepEqual(await pull([GO], [stub.url], newFolder(), diagnostics), [`missing ${GO_KEY} `])
  t.deepEqual(
    diagnostics.list().map(({code}) => code),
    ['symbols-failed'],
  )
  t.deepEqual(await pull([GNU], [folder], newFolder()), [`stored ${GNU} executable`])
  t.deepEqual(filesBelow(folder), [`buildid/${GNU}/executable`])
})

test('stores are asked before debuginfod servers', async t => {
  const [from, store] = [newFolder(), newFolder()]
  writeFileSync(join(from, 'server'), image({go: GO}))
  await push([from], store)
  const servers = SymbolServers.of({...options(), stores: [store], urls: ['http://127.0.0.1:9'], cacheDir: newFolder()})
  t.is(await servers?.find({gnu: undefined, go: GO}, 'executable'), join(store, 'buildid', GO_KEY, 'executable'))
  t.is(SymbolServers.of({...options(), stores: [], urls: [], cacheDir: undefined}), undefined)
})

test('of many that store the same at once each has it whole', async t => {
  const store = newFolder()
  const bytes = image({gnu: GNU, debug: true})
  const entries = [
    {key: GNU, artifact: 'executable'},
    {key: GNU, artifact: 'debuginfo'},
  ] as const
  await Promise.all(
    Array.from({length: 8}, () => all(new FolderStore(store).keep(new BytesSource(bytes, 'file'), entries))),
  )
  t.deepEqual(filesBelow(store), [`buildid/${GNU}/debuginfo`, `buildid/${GNU}/executable`])
})

test('a bucket is a store: filled once, read by the same keys, closed to others', async t => {
  const server = await S3Server.start()
  try {
    const from = newFolder()
    const bytes = image({gnu: GNU, debug: true})
    writeFileSync(join(from, 'server'), bytes)
    Object.assign(process.env, server.environment)
    const store = 's3://symbols/linux/a b'
    const names = ['executable', 'debuginfo'].map(artifact => `${GNU} ${artifact}`)
    const pushTo = async () =>
      (await all(pushSymbols([from], await openSymbolStore(store, process.env), options()))).map(
        ({state, key, artifact}) => [state, key, artifact].join(' '),
      )
    t.deepEqual(
      await pushTo(),
      names.map(name => `stored ${name}`),
    )
    t.deepEqual(
      await pushTo(),
      names.map(name => `held ${name}`),
    )
    t.deepEqual(new Uint8Array(server.objects.get(`/symbols/linux/a b/buildid/${GNU}/executable`) ?? []), bytes)
    t.deepEqual(
      await pull([GNU], [`${store}/`], newFolder()),
      names.map(name => `stored ${name}`),
    )
    const diagnostics = new Diagnostics()
    process.env.AWS_SECRET_ACCESS_KEY = 'guessed'
    t.deepEqual(await pull([GNU], [store], newFolder(), diagnostics), [`missing ${GNU} `])
    t.regex(diagnostics.list()[0]?.message ?? '', /^symbol store: HTTP status 403/)
    await t.throwsAsync(pushTo(), {instanceOf: InputError, message: /403/})
  } finally {
    for (const name of Object.keys(server.environment)) delete process.env[name]
    server.close()
  }
})

test('a bucket that does not answer is waited for until the time of the run is over', async t => {
  const stub = await startHttpStub(() => {})
  stubs.push(stub)
  const server = join(newFolder(), 'server')
  writeFileSync(server, image({gnu: GNU}))
  const environment = {AWS_ENDPOINT_URL: stub.url, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_REGION: 'c'}
  const deadline = new Deadline(1, new Diagnostics())
  const pushed = all(pushSymbols([server], await openSymbolStore('s3://symbols', environment, deadline), options()))
  await t.throwsAsync(pushed, {instanceOf: InputError, message: /not done after 1 s/})
})

test('whatever lies in the places of a store, it is passed over or stands in an error that says what is wrong', async t => {
  const server = join(newFolder(), 'server')
  writeFileSync(server, image({gnu: GNU}))
  /** @param lay puts something odd into the folder of the build */
  const outcome = async (lay: (store: string, folder: string) => void): Promise<string[]> => {
    const store = newFolder()
    const folder = join(store, 'buildid', GNU)
    mkdirSync(folder, {recursive: true})
    lay(store, folder)
    const said: string[] = []
    for (const act of [() => pull([GNU], [store], newFolder()), () => push([server], store)]) {
      try {
        said.push(...(await act()))
      } catch (error) {
        said.push(error instanceof InputError ? error.code : `${error}`)
      }
    }
    return said
  }
  const [missing, stored] = [`missing ${GNU} `, `stored ${GNU} executable`]
  const loop = (path: string): void => symlinkSync(path, path)
  t.deepEqual(await outcome((_, folder) => loop(join(folder, 'executable'))), [missing, stored])
  t.deepEqual(await outcome((_, folder) => symlinkSync('a'.repeat(4000), join(folder, 'executable'))), [
    missing,
    stored,
  ])
  t.deepEqual(await outcome((_, folder) => loop(join(folder, 'x.tmp'))), [missing, stored])
  t.deepEqual(
    await outcome((_, folder) => {
      mkdirSync(join(folder, 'old.tmp'))
      utimesSync(join(folder, 'old.tmp'), 1, 1)
    }),
    [missing, stored],
  )
  const refused = [missing, 'not-writable']
  const replaced = (lay: (path: string) => void) => (_: string, folder: string) => {
    rmSync(folder, {recursive: true})
    lay(folder)
  }
  t.deepEqual(await outcome(replaced(loop)), refused)
  t.deepEqual(await outcome(replaced(path => writeFileSync(path, ''))), refused)
  t.deepEqual(await outcome(store => writeFileSync(join(store, '.build-id'), '')), refused)
})

test.serial(
  'a folder within one that is pushed and cannot be read is told of; one that was named is an error',
  async t => {
    const [from, store] = [newFolder(), newFolder()]
    const inner = join(from, 'inner')
    mkdirSync(inner)
    for (const [path, mode] of [
      [root, 0o755],
      [store, 0o777],
      [inner, 0],
    ] as const)
      chmodSync(path, mode)
    // Root may read everything.
    const isRoot = process.geteuid?.() === 0
    if (isRoot) process.seteuid?.(65_534)
    try {
      const pushed = await all(pushSymbols([from], await openSymbolStore(store, {}), options()))
      t.deepEqual(
        pushed.map(({state, path, reason}) => [state, path, /permission/.test(reason ?? '')]),
        [['left-out', inner, true]],
      )
      await t.throwsAsync(push([inner], store), {instanceOf: InputError, message: /permission/})
    } finally {
      if (isRoot) process.seteuid?.(0)
      chmodSync(inner, 0o755)
    }
  },
)

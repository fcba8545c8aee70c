import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import test from 'ava'
import {
  DebuginfodClient,
  type DebuginfodOptions,
  debuginfodCacheDir,
  debuginfodSettings,
  debuginfodUrls,
} from '../../src/acquire/debuginfod.ts'
import {type Diagnostic, Diagnostics} from '../../src/base/diagnostics.ts'
import {buildElf, buildGnuBuildIdNote, ET, SHT} from '../support/elf-builder.ts'

const ID = '0123456789abcdef0123456789abcdef01234567'
/** An ELF file with a build ID, here the least that one can be. */
function image(buildId: string): Uint8Array {
  return buildElf({
    type: ET.DYN,
    sections: [{name: '.note.gnu.build-id', type: SHT.NOTE, bytes: buildGnuBuildIdNote(buildId)}],
  })
}
const CONTENT = image(ID)

interface Stub {
  url: string
  requests: string[]
}

const servers: Server[] = []
const root = mkdtempSync(join(tmpdir(), 'debuginfod-test-'))
test.after.always(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(root, {recursive: true})
})

async function serve(
  answer: (request: IncomingMessage, response: ServerResponse, count: number) => void,
): Promise<Stub> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    answer(request, response, requests.length)
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests}
}

let counter = 0

function client(
  urls: string[],
  more: Partial<DebuginfodOptions> = {},
): {client: DebuginfodClient; cacheDir: string; log(): Diagnostic[]} {
  const diagnostics = new Diagnostics()
  const cacheDir = more.cacheDir ?? join(root, String(counter++))
  return {
    client: new DebuginfodClient({urls, diagnostics, ...more, cacheDir}),
    cacheDir,
    log: () => diagnostics.list(),
  }
}

test('a file is fetched once, into the layout of elfutils, and served from there', async t => {
  const stub = await serve((_, response) => response.end(CONTENT))
  const {client: first, cacheDir} = client([`${stub.url}/`])
  const path = await first.find(ID, 'executable')
  t.is(path, join(cacheDir, ID, 'executable'))
  t.deepEqual(new Uint8Array(readFileSync(path ?? '')), CONTENT)
  t.is(await client([stub.url], {cacheDir}).client.find(ID, 'executable'), path)
  t.deepEqual(stub.requests, [`/buildid/${ID}/executable`])
})

test('a source is asked for by its path, without `..` and escaped, and need be no ELF file', async t => {
  const stub = await serve((request, response) => {
    if (request.url?.endsWith('/a%20b%2B%23.c')) response.end('int a;\n')
    else response.writeHead(404).end()
  })
  const {client: one, cacheDir, log} = client([stub.url])
  const path = await one.findSource(ID, '/build/x/../y/./a b+#.c')
  t.deepEqual(stub.requests, [`/buildid/${ID}/source/build/y/a%20b%2B%23.c`])
  t.is(readFileSync(path ?? '', 'utf8'), 'int a;\n')
  t.true(path?.startsWith(join(cacheDir, ID, 'source-')))
  t.is(await one.findSource(ID, '/build/y/a b+#.c'), path, 'the same file')
  t.is(await one.findSource(ID, '/build/y/b.c'), undefined)
  t.is(await one.findSource(ID, 'relative.c'), undefined)
  t.is(stub.requests.length, 2)
  t.deepEqual(log(), [])
})

test('a source that is too large to be one is not kept', async t => {
  const stub = await serve((_, response) => response.end(Buffer.alloc(17 * 1024 * 1024, 0x20)))
  const {client: one, log} = client([stub.url])
  t.is(await one.findSource(ID, '/build/a.c'), undefined)
  t.deepEqual(
    log().map(({code}) => code),
    ['debuginfod-failed'],
  )
})

test('a miss is remembered by an empty file, and asked again when that is old', async t => {
  const stub = await serve((_, response) => response.writeHead(404).end())
  const {client: one, cacheDir, log} = client([stub.url])
  t.is(await one.find(ID, 'debuginfo'), undefined)
  const miss = join(cacheDir, ID, 'debuginfo')
  t.is(statSync(miss).size, 0)
  t.is(await one.find(ID, 'debuginfo'), undefined)
  t.is(stub.requests.length, 1)
  utimesSync(miss, new Date(0), new Date(Date.now() - 3_600_000))
  t.is(await one.find(ID, 'debuginfo'), undefined)
  t.is(stub.requests.length, 2)
  t.deepEqual(log(), [])
})

test('the next server is asked when one has nothing, and one retry mends a broken connection', async t => {
  const empty = await serve((_, response) => response.writeHead(404).end())
  const shaky = await serve((request, response, count) => {
    if (count === 1) request.socket.destroy()
    else response.end(CONTENT)
  })
  const {client: both, log} = client([empty.url, shaky.url])
  t.truthy(await both.find(ID, 'executable'))
  t.is(shaky.requests.length, 2)
  t.deepEqual(log(), [])
})

test('a server that fails is named, given up for this run, and no miss is remembered', async t => {
  const stub = await serve((_, response) => response.writeHead(500).end())
  const {client: one, cacheDir, log} = client([stub.url])
  t.is(await one.find(ID, 'executable'), undefined)
  t.is(await one.find(ID.replace('0', 'f'), 'executable'), undefined)
  t.is(stub.requests.length, 2)
  t.false(existsSync(join(cacheDir, ID, 'executable')))
  t.is(log()[0]?.code, 'debuginfod-failed')
  t.regex(log()[0]?.message ?? '', /500/)
})

test('a server that is silent is given up after the timeout, not retried', async t => {
  const stub = await serve((_, response) => response.write(CONTENT.subarray(0, 20)))
  const {client: one, log} = client([stub.url], {timeoutSeconds: 1})
  t.is(await one.find(ID, 'executable'), undefined)
  t.is(stub.requests.length, 1)
  t.is(log()[0]?.code, 'debuginfod-failed')
})

test('a file above the limit is not fetched, by its header or by its bytes, and leaves nothing', async t => {
  const stated = await serve((_, response) => response.end(CONTENT))
  const unstated = await serve((_, response) => {
    response.write(CONTENT)
    response.end(CONTENT)
  })
  for (const stub of [stated, unstated]) {
    const {client: one, cacheDir} = client([stub.url], {sizeMax: 10})
    t.is(await one.find(ID, 'executable'), undefined)
    t.false(existsSync(join(cacheDir, ID, 'executable')))
  }
})

test('what is not the file with that build ID never enters the cache', async t => {
  for (const [content, message] of [
    [new TextEncoder().encode('<html>please log in</html>'), /no ELF file/],
    [image(ID.replace('0', 'f')), /build ID f1234/],
    [CONTENT.subarray(0, 40), /no ELF file/],
  ] as const) {
    const stub = await serve((_, response) => response.end(content))
    const {client: one, cacheDir, log} = client([stub.url])
    t.is(await one.find(ID, 'executable'), undefined)
    t.is(stub.requests.length, 1)
    t.deepEqual(readdirSync(join(cacheDir, ID)), [])
    t.regex(log()[0]?.message ?? '', message)
  }
})

test('a server that drips is given up, by the rate or by the time for the whole file', async t => {
  const drips: NodeJS.Timeout[] = []
  const stub = await serve((_, response) => {
    response.write(CONTENT.subarray(0, 20))
    drips.push(setInterval(() => response.write('x'), 20).unref())
  })
  try {
    for (const limits of [{timeoutSeconds: 1}, {maxSeconds: 1}]) {
      const {client: one, log} = client([stub.url], limits)
      t.is(await one.find(ID, 'executable'), undefined)
      t.regex(log()[0]?.message ?? '', /\b1 s/)
    }
    // Not asked twice; on a busy machine one may be given up before the server sees it.
    t.true(stub.requests.length <= 2)
  } finally {
    for (const drip of drips) clearInterval(drip)
  }
})

test('a name and a password go into a header, and into no message', async t => {
  const logins: (string | undefined)[] = []
  const stub = await serve((request, response) => {
    logins.push(request.headers.authorization)
    response.writeHead(500).end()
  })
  const {client: one, log} = client([stub.url.replace('//', '//user:p%40ss@')])
  t.is(await one.find(ID, 'executable'), undefined)
  t.is(logins[0], `Basic ${Buffer.from('user:p@ss').toString('base64')}`)
  t.notRegex(JSON.stringify(log()), /p@ss|p%40ss/)
})

test('what is no URL is named', async t => {
  const {client: one, log} = client(['debuginfod.example'])
  t.is(await one.find(ID, 'executable'), undefined)
  t.regex(log()[0]?.message ?? '', /not a URL/)
})

test('limits are those of the environment, and survive JSON', t => {
  const settings = debuginfodSettings({
    DEBUGINFOD_URLS: 'http://a',
    DEBUGINFOD_CACHE_PATH: '/c',
    DEBUGINFOD_TIMEOUT: '7',
    DEBUGINFOD_MAXTIME: '0',
    DEBUGINFOD_MAXSIZE: '1000',
  })
  t.like(settings, {urls: ['http://a'], cacheDir: '/c', timeoutSeconds: 7, sizeMax: 1000})
  t.true((settings.maxSeconds ?? 0) > 1e9)
  t.deepEqual(JSON.parse(JSON.stringify(settings)), settings)
  t.deepEqual(debuginfodSettings({DEBUGINFOD_URLS: 'http://a'}, ['http://b']).urls, ['http://b'])
  t.is(debuginfodSettings({}).timeoutSeconds, undefined)
})

test('a file that nobody wants costs itself alone, and half a file is none', async t => {
  const other = ID.replace('0', 'f')
  const stub = await serve((request, response) => {
    if (request.url?.includes(other)) response.end(image(other))
    else response.writeHead(200, {'x-debuginfod-size': '100000000000'}).end(CONTENT)
  })
  const {client: one, log} = client([stub.url])
  t.is(await one.find(ID, 'executable'), undefined)
  t.truthy(await one.find(other, 'executable'))
  t.regex(log()[0]?.message ?? '', /limit/)
  const half = await serve((_, response) => response.writeHead(200, {'x-debuginfod-size': '9999'}).end(CONTENT))
  const {client: two, log: log2} = client([half.url])
  t.is(await two.find(ID, 'executable'), undefined)
  t.regex(log2()[0]?.message ?? '', /of 9999/)
})

test('what is no build ID reaches neither a path nor a server', async t => {
  const stub = await serve((_, response) => response.end(CONTENT))
  const {client: one} = client([stub.url])
  for (const id of ['', '../../etc', 'ABCD', 'abc', 'aa/bb', 'zz'.repeat(20)]) {
    t.is(await one.find(id, 'executable'), undefined)
  }
  t.deepEqual(stub.requests, [])
})

test('a cache that cannot be written costs the file, not the analysis', async t => {
  const stub = await serve((_, response) => response.end(CONTENT))
  const blocked = join(root, 'blocked')
  writeFileSync(blocked, '')
  const {client: one, log} = client([stub.url], {cacheDir: blocked})
  t.is(await one.find(ID, 'executable'), undefined)
  t.is(log()[0]?.code, 'debuginfod-failed')
})

test('without a place for the cache nothing is fetched', async t => {
  const stub = await serve((_, response) => response.end(CONTENT))
  const diagnostics = new Diagnostics()
  const one = new DebuginfodClient({urls: [stub.url], cacheDir: undefined, diagnostics})
  t.is(await one.find(ID, 'executable'), undefined)
  t.deepEqual(stub.requests, [])
  t.regex(diagnostics.list()[0]?.hint ?? '', /DEBUGINFOD_CACHE_PATH/)
})

test('a cache in /proc, where nothing can be made, costs the file, not the run', async t => {
  const stub = await serve((_, response) => response.end(CONTENT))
  const {client: one, log} = client([stub.url], {cacheDir: '/proc/.cache/debuginfod_client'})
  t.is(await one.find(ID, 'executable'), undefined)
  t.is(log()[0]?.code, 'debuginfod-failed')
})

test('the cache and the servers are those of the environment', t => {
  t.is(debuginfodCacheDir({DEBUGINFOD_CACHE_PATH: '/c', XDG_CACHE_HOME: '/x', HOME: '/h'}), '/c')
  t.is(debuginfodCacheDir({XDG_CACHE_HOME: '/x', HOME: '/h'}), '/x/debuginfod_client')
  t.is(debuginfodCacheDir({HOME: '/h'}), '/h/.cache/debuginfod_client')
  t.is(debuginfodCacheDir({DEBUGINFOD_CACHE_PATH: 'c'}), join(process.cwd(), 'c'))
  for (const environment of [{}, {HOME: ''}, {HOME: 'h'}, {HOME: '.'}, {HOME: '/h', XDG_CACHE_HOME: 'x'}]) {
    t.is(debuginfodCacheDir(environment), undefined)
  }
  t.deepEqual(debuginfodUrls({DEBUGINFOD_URLS: 'https://a/  http://b ima:enforcing'}), ['https://a/', 'http://b'])
  t.deepEqual(debuginfodUrls({}), [])
})

test('a body that is encoded is bounded by what comes out of it', async t => {
  const packed = gzipSync(Buffer.concat([CONTENT, Buffer.alloc(20_000_000)]))
  const stub = await serve((request, response) => {
    const announced = request.url?.includes('executable') ? {'x-debuginfod-size': CONTENT.length} : {}
    response.writeHead(200, {'content-encoding': 'gzip', 'content-length': packed.length, ...announced}).end(packed)
  })
  const {client: one, cacheDir, log} = client([stub.url], {sizeMax: 1_000_000})
  t.is(await one.find(ID, 'executable'), undefined)
  t.is(await one.find(ID, 'debuginfo'), undefined)
  t.deepEqual(
    log().map(({message}) => message),
    [`debuginfod: more than ${CONTENT.length} bytes were sent`, 'debuginfod: more than 1000000 bytes were sent'],
  )
  t.deepEqual(readdirSync(join(cacheDir, ID)), [])
})

test('of what does not begin as an ELF file no more is fetched', async t => {
  let isClosed = false
  const stub = await serve((_, response) => {
    response.on('close', () => {
      isClosed = true
    })
    response.write(gzipSync(''))
    response.write(new Uint8Array(100_000))
  })
  const {client: one, cacheDir, log} = client([stub.url], {timeoutSeconds: 60})
  t.is(await one.find(ID, 'executable'), undefined)
  t.regex(log()[0]?.message ?? '', /no ELF file/)
  t.deepEqual(readdirSync(join(cacheDir, ID)), [])
  while (!isClosed) await new Promise(done => setTimeout(done, 10))
  t.pass()
})

test('what killed runs left of a fetch is removed once nobody can be at it any more', async t => {
  const stub = await serve((_, response) => response.end(CONTENT))
  const {client: one, cacheDir} = client([stub.url])
  mkdirSync(join(cacheDir, ID), {recursive: true})
  const [old, fresh, other] = ['executable.a1.b2', 'executable.c3.d4', 'notes.a1.b2'].map(name =>
    join(cacheDir, ID, name),
  )
  for (const path of [old, fresh, other]) writeFileSync(path as string, 'part')
  for (const path of [old, other]) utimesSync(path as string, new Date(), new Date(Date.now() - 2 * 3_600_000))
  await one.find(ID, 'executable')
  t.deepEqual(readdirSync(join(cacheDir, ID)).sort(), ['executable', 'executable.c3.d4', 'notes.a1.b2'])
})

// Runs our debuginfod client against elfutils' own server on loopback. Slow, and needs `debuginfod` and gcc: not in npm test.
//
//   npx tsx scripts/debuginfod-live.ts
import {execFileSync, spawn} from 'node:child_process'
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout} from 'node:timers/promises'
import {DebuginfodClient} from '../src/acquire/debuginfod.ts'
import {openModuleFile} from '../src/acquire/open-process.ts'
import {Diagnostics} from '../src/base/diagnostics.ts'

const PORT = 18002
const INDEX_SECONDS = 30

const directory = mkdtempSync(join(tmpdir(), 'debuginfod-live-'))
const served = join(directory, 'served')
mkdirSync(served)
const program = join(served, 'program')
const source = join(directory, 'program.c')
writeFileSync(source, 'int main(void) { return 0; }\n')
execFileSync('gcc', ['-g', '-Wl,--build-id', '-o', program, source])
// What the user has: the program without symbols. What the server has: all of it.
const stripped = join(directory, 'stripped')
execFileSync('strip', ['-o', stripped, program])
const server = spawn('debuginfod', ['-p', String(PORT), '-d', ':memory:', '-F', served, '-t', '0', '-g', '0'], {
  stdio: 'ignore',
})

try {
  const url = `http://127.0.0.1:${PORT}`
  const options = {diagnostics: new Diagnostics(), debuginfodUrls: [url], debuginfodCacheDir: join(directory, 'cache')}
  const {module} = await openModuleFile(stripped, {diagnostics: new Diagnostics()})
  const id = module.buildId ?? ''
  const path = await waitFor(url, id)
  const identical = path !== undefined && readFileSync(path).equals(readFileSync(program))
  const completed = await openModuleFile(stripped, options)
  const dwarf = completed.module.debug.dwarf?.name
  const unknown = await client(url, 'unknown').find('0'.repeat(40), 'executable')
  console.log(`executable identical: ${identical}; debug information from: ${dwarf}; unknown id: ${unknown}`)
  process.exitCode = identical && dwarf !== undefined && unknown === undefined ? 0 : 1
} finally {
  server.kill()
  rmSync(directory, {recursive: true, force: true})
}

function client(url: string, cache: string): DebuginfodClient {
  return new DebuginfodClient({urls: [url], cacheDir: join(directory, cache), diagnostics: new Diagnostics()})
}

/** The server answers 404 until it has scanned; each try has a cache of its own, so that no miss is remembered. */
async function waitFor(url: string, id: string): Promise<string | undefined> {
  for (let second = 0; second < INDEX_SECONDS; second++) {
    const path = await client(url, `try${second}`).find(id, 'executable')
    if (path !== undefined) return path
    await setTimeout(1000)
  }
  return undefined
}

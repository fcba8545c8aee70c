import {execFileSync} from 'node:child_process'
import {appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'

const DEBIAN = '/usr/lib/postgresql'
/** initdb and postgres refuse to run as root. */
const USER = 'postgres'

/** A server of Debian's PostgreSQL of its own: in a temporary folder, on a free port of the loopback address. */
export class PostgresServer {
  readonly port: number
  readonly #bin: string
  readonly #folder: string

  private constructor(bin: string, folder: string, port: number) {
    this.#bin = bin
    this.#folder = folder
    this.port = port
  }

  /** @param room bytes of a disk of its own for the tables that are made; undefined: the temporary folder's */
  static async start(room?: number): Promise<PostgresServer> {
    const version = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort().at(-1) : undefined
    if (version === undefined) throw new Error(`${DEBIAN}: no such folder; apt-get install postgresql`)
    const folder = mkdtempSync(join(tmpdir(), 'gotrace-postgres-'))
    chmodSync(folder, 0o755)
    execFileSync('chown', [USER, folder])
    const server = new PostgresServer(join(DEBIAN, version, 'bin'), folder, await freePort())
    server.#run('initdb', ['-D', server.#data, '-A', 'trust', '--no-locale', '-E', 'UTF8', '-N'])
    const settings = {
      port: String(server.port),
      listen_addresses: "'127.0.0.1'",
      unix_socket_directories: `'${folder}'`,
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
    appendFileSync(join(server.#data, 'postgresql.conf'), lines.join(''))
    server.#control('start')
    if (room !== undefined) server.#addDisk(room)
    return server
  }

  #addDisk(room: number): void {
    mkdirSync(this.disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${room}`, 'tmpfs', this.disk])
    execFileSync('chown', [USER, this.disk])
    this.sql(`CREATE TABLESPACE small LOCATION '${this.disk}'`)
    this.sql("ALTER SYSTEM SET default_tablespace = 'small'")
    this.sql('SELECT pg_reload_conf()')
  }

  /** Where that disk is mounted. */
  get disk(): string {
    return join(this.#folder, 'disk')
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  get url(): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/postgres`
  }

  /** @param how fast: as `systemctl restart` does; immediate: as a machine that loses its power */
  restart(how: 'fast' | 'immediate'): void {
    this.#control('restart', '-m', how)
  }

  /** Of the process that all others of the server are children of. */
  get pid(): number {
    return Number(readFileSync(join(this.#data, 'postmaster.pid'), 'latin1').split('\n')[0])
  }

  /** Runs statements; what the last one answers, a line a row. */
  sql(statement: string, user = USER): string {
    const url = this.url.replace(`//${USER}@`, `//${user}@`)
    return execFileSync(join(this.#bin, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', url, '-c', statement], {
      encoding: 'utf8',
      env: {...process.env, PGOPTIONS: '-c client_min_messages=warning'},
    }).trimEnd()
  }

  close(): void {
    try {
      this.#control('stop', '-m', 'immediate')
    } catch {
      // It has ended already.
    }
    try {
      execFileSync('umount', [this.disk], {stdio: 'ignore'})
    } catch {
      // It is no file system of its own.
    }
    rmSync(this.#folder, {recursive: true, force: true})
  }

  #control(command: string, ...flags: readonly string[]): void {
    this.#run('pg_ctl', ['-D', this.#data, '-w', '-l', join(this.#folder, 'log'), ...flags, command])
  }

  #run(program: string, args: readonly string[]): void {
    const command = ['-u', USER, '--', join(this.#bin, program), ...args]
    execFileSync('runuser', command, {stdio: ['ignore', 'ignore', 'inherit'], cwd: '/'})
  }
}

/** Below those that the kernel gives to clients (ip(7), ip_local_port_range): the server comes back to it. */
const PORTS = {first: 15_000, count: 17_000} as const

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(done => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })
}

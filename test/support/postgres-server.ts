import {execFileSync} from 'node:child_process'
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
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
  /** The folder of the cluster. */
  readonly data: string
  readonly #folder: string

  private constructor(bin: string, folder: string, data: string, port: number) {
    this.#bin = bin
    this.#folder = folder
    this.data = data
    this.port = port
  }

  /**
   * @param room bytes of a file system of its own for all data; undefined: the temporary folder's
   * @param settings of postgresql.conf
   */
  static async start(room?: number, settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
    const version = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort().at(-1) : undefined
    if (version === undefined) throw new Error(`${DEBIAN}: no such folder; apt-get install postgresql`)
    const folder = mkdtempSync(join(tmpdir(), 'gotrace-postgres-'))
    chmodSync(folder, 0o755)
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    if (room !== undefined) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${room}`, 'tmpfs', disk])
    execFileSync('chown', [USER, disk])
    const server = new PostgresServer(join(DEBIAN, version, 'bin'), folder, join(disk, 'data'), await freePort())
    server.#run('initdb', ['-D', server.data, '-A', 'trust', '--no-locale', '-E', 'UTF8', '-N'])
    const all = {
      port: String(server.port),
      listen_addresses: "'127.0.0.1'",
      unix_socket_directories: `'${disk}'`,
      max_wal_size: '64MB',
      min_wal_size: '32MB',
      ...settings,
    }
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
    server.#run('bash', ['-c', `printf '%s\\n' "$@" >> ${server.data}/postgresql.conf`, 'bash', ...lines], '/bin')
    server.#control('start')
    return server
  }

  get url(): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/postgres`
  }

  /** @param how fast: as `systemctl restart` does; immediate: as a machine that loses its power */
  restart(how: 'fast' | 'immediate'): void {
    this.#control('restart', '-m', how)
  }

  end(): void {
    this.#control('stop', '-m', 'fast')
  }

  begin(): void {
    this.#control('start')
  }

  /** Runs a statement; what it answers, a line a row. */
  sql(statement: string): string {
    return execFileSync(join(this.#bin, 'psql'), ['-XqAt', '-v', 'ON_ERROR_STOP=1', this.url, '-c', statement], {
      encoding: 'utf8',
    }).trimEnd()
  }

  close(): void {
    try {
      this.#control('stop', '-m', 'immediate')
    } catch {
      // It has ended already.
    }
    try {
      execFileSync('umount', [join(this.#folder, 'disk')], {stdio: 'ignore'})
    } catch {
      // It is no file system of its own.
    }
    rmSync(this.#folder, {recursive: true, force: true})
  }

  #control(command: string, ...flags: readonly string[]): void {
    this.#run('pg_ctl', ['-D', this.data, '-w', '-l', join(this.#folder, 'disk', 'log'), ...flags, command])
  }

  #run(program: string, args: readonly string[], folder = this.#bin): void {
    const command = ['-u', USER, '--', join(folder, program), ...args]
    execFileSync('runuser', command, {stdio: ['ignore', 'ignore', 'inherit'], cwd: '/'})
  }
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

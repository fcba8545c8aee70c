import {existsSync, readdirSync, readFileSync, realpathSync} from 'node:fs'
import {homedir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'

/** A Go release installed by scripts/go-toolchains.sh. */
export interface Toolchain {
  /** Release without patch, such as `1.27`: the name of its directory. */
  readonly release: string
  readonly goroot: string
  readonly go: string
  /** Full version as the toolchain states it, such as `go1.27.4`. */
  readonly version: string
}

/** Minor number of a release: 27 of `1.27`. */
export function minorOf(release: string): number {
  return Number(release.split('.')[1])
}

function toolchainsDirectory(): string {
  return process.env.GOROOTS ?? join(homedir(), '.local/go-toolchains')
}

/** Installed releases, oldest first. */
export function installedReleases(): string[] {
  const directory = toolchainsDirectory()
  if (!existsSync(directory)) return []
  const releases = readdirSync(directory).filter(name => /^1\.\d+$/.test(name))
  return releases.sort((a, b) => minorOf(a) - minorOf(b))
}

export function openToolchain(release: string): Toolchain {
  const link = join(toolchainsDirectory(), release)
  if (!existsSync(join(link, 'bin/go'))) {
    throw new Error(`Go ${release} is not in ${toolchainsDirectory()}: run scripts/go-toolchains.sh ${release}`)
  }
  const goroot = realpathSync(link)
  const version = /go\S+/.exec(readFileSync(join(goroot, 'VERSION'), 'utf8'))?.[0]
  if (version === undefined) throw new Error(`${goroot}/VERSION names no Go version`)
  return {release, goroot, go: join(goroot, 'bin/go'), version}
}

/** The environment of every build: this toolchain alone, nothing fetched, a cache of its own. */
export function buildEnvironment(toolchain: Toolchain, labDirectory: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: labDirectory,
    LC_ALL: 'C',
    GOROOT: toolchain.goroot,
    GOTOOLCHAIN: 'local',
    GOPROXY: 'off',
    GOFLAGS: '-mod=mod',
    GOCACHE: join(labDirectory, 'cache', toolchain.release),
    GOPATH: join(labDirectory, 'gopath'),
    CGO_ENABLED: '1',
    CGO_CFLAGS_ALLOW: '-[fm].*',
  }
}

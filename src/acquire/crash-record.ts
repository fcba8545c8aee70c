import {spawnSync} from 'node:child_process'
import {basename, dirname, join} from 'node:path'
import {isThere, readFileHead} from '../base/file-head.ts'

/** Who took the core. */
export const HANDLERS = ['systemd', 'apport', 'abrt', 'gotrace-core'] as const
/** How the record was found. */
export const RECORD_SOURCES = ['file-name', 'attributes', 'folder', 'package'] as const

/** What the program that took the core from the kernel noted beside it. Nothing of it is in the core itself. */
export interface CrashRecord {
  readonly handler: (typeof HANDLERS)[number]
  readonly source: (typeof RECORD_SOURCES)[number]
  /** Of the process, as the kernel had it: 15 bytes at most. */
  readonly name: string | undefined
  /** As the host sees it, where the process was in a container. */
  readonly pid: number | undefined
  readonly uid: number | undefined
  /** When it crashed, ISO 8601 in UTC. */
  readonly time: string | undefined
  readonly signal: number | undefined
  /** Path of the program. */
  readonly exe: string | undefined
  /** Of systemd. */
  readonly unit: string | undefined
  /** The ID of the container, as its runtime has it. */
  readonly container: string | undefined
  /** Path of the control group, as the host sees it. */
  readonly cgroup: string | undefined
  readonly host: string | undefined
}

const NOTHING = {
  name: undefined,
  pid: undefined,
  uid: undefined,
  time: undefined,
  signal: undefined,
  exe: undefined,
  unit: undefined,
  container: undefined,
  cgroup: undefined,
  host: undefined,
}

/** A path as it is, whatever it holds. */
const ATTRIBUTE_TOOLS = ['/usr/bin/getfattr', '/bin/getfattr']
const ATTRIBUTE_TIMEOUT_MS = 2000
const TEXT_MAX = 4096

/** What is known of a core by where it lies and what it is called; undefined where no crash handler put it there. */
export function readCrashRecord(corePath: string): CrashRecord | undefined {
  const name = basename(corePath)
  return readSystemd(corePath, name) ?? readApport(name) ?? readAbrt(corePath, name)
}

/**
 * systemd-coredump (src/coredump/coredump.c): core.NAME.UID.BOOT-ID.PID.TIME, the time in microseconds, what is special
 * in the name as \xHH; and more as attributes of the file, where the file system has them and they were not lost on the
 * way here. Node cannot read those, getfattr(1) can.
 */
function readSystemd(corePath: string, fileName: string): CrashRecord | undefined {
  const parts = /^core\.([^.]+)\.(\d+)\.[0-9a-f]{32}\.(\d+)\.(\d+)(?:\.(?:zst|lz4|xz))?$/.exec(fileName)
  if (!parts) return undefined
  const [, name = '', uid, pid, time = ''] = parts
  const byName = {
    ...NOTHING,
    handler: 'systemd',
    source: 'file-name',
    name: unescaped(name),
    uid: numberOf(uid),
    pid: numberOf(pid),
    time: timeOf(time),
  } as const
  const {comm, exe, hostname, ...numbers} = readAttributes(corePath)
  if (comm === undefined && exe === undefined && numbers.signal === undefined) return byName
  return {
    ...byName,
    source: 'attributes',
    name: comm ?? byName.name,
    exe,
    host: hostname,
    signal: numberOf(numbers.signal),
  }
}

/** The attributes `user.coredump.*` without that prefix; {} where there are none or no tool that reads them. */
function readAttributes(path: string): Partial<Record<string, string>> {
  const tool = ATTRIBUTE_TOOLS.find(isThere)
  if (tool === undefined) return {}
  const args = ['--dump', '--match=^user\\.coredump\\.', '--encoding=hex', '--absolute-names', '--', path]
  const {stdout} = spawnSync(tool, args, {encoding: 'latin1', timeout: ATTRIBUTE_TIMEOUT_MS, maxBuffer: 1024 * 1024})
  const lines = (stdout ?? '').matchAll(/^user\.coredump\.(\w+)=0x([0-9a-f]*)$/gm)
  return Object.fromEntries([...lines].map(([, key = '', hex = '']) => [key, Buffer.from(hex, 'hex').toString()]))
}

/** apport (data/apport): core.PATH.UID.BOOT-ID.PID.TICKS; the path has `_` for each `/`, and cannot be had back. */
function readApport(fileName: string): CrashRecord | undefined {
  const parts = /^core\._[^.]*(?:\.[^.]+)*?\.(\d+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(\d+)\.\d+$/.exec(
    fileName,
  )
  if (!parts) return undefined
  return {...NOTHING, handler: 'apport', source: 'file-name', uid: numberOf(parts[1]), pid: numberOf(parts[2])}
}

/** ABRT keeps each crash in a folder: the core, and a file for each thing it knows of it. */
function readAbrt(corePath: string, fileName: string): CrashRecord | undefined {
  if (!/^coredump(?:\.\w+)?$/.test(fileName)) return undefined
  const text = (name: string): string | undefined => readText(join(dirname(corePath), name))
  const exe = text('executable')
  const time = text('time')
  if (exe === undefined || time === undefined) return undefined
  return {
    ...NOTHING,
    handler: 'abrt',
    source: 'folder',
    exe,
    time: timeOf(time),
    pid: numberOf(text('global_pid') ?? text('pid')),
    uid: numberOf(text('uid')),
    host: text('hostname'),
    ...placeInGroups(text('cgroup') ?? ''),
    signal: numberOf(text('signal')),
  }
}

function readText(path: string): string | undefined {
  try {
    const text = new TextDecoder().decode(readFileHead(path, TEXT_MAX)).trim()
    return text === '' ? undefined : text
  } catch {
    // Not noted, or not for this user.
    return undefined
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** @param digits seconds since 1970, or microseconds */
function timeOf(digits: string): string | undefined {
  const number = Number(digits)
  if (!/^\d{1,16}$/.test(digits)) return undefined
  return new Date(digits.length > 11 ? number / 1000 : number * 1000).toISOString()
}

function unescaped(text: string): string {
  const bytes = text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return new TextDecoder().decode(Uint8Array.from(bytes, char => char.charCodeAt(0)))
}

/** What /proc/PID/cgroup says (cgroups(7)): the group, systemd's unit, the container of Docker, containerd or CRI-O. */
export function placeInGroups(text: string): Pick<CrashRecord, 'cgroup' | 'unit' | 'container'> {
  const paths = text.split('\n').map(line => line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1))
  const unified = /^0::(.*)$/m.exec(text)?.[1]
  const cgroup = [unified, ...paths].find(path => path !== undefined && path !== '' && path !== '/')
  const unit = /\/([^/\s]+\.(?:service|scope))(?=\/|\s|$)/.exec(text)?.[1]
  const container = /[/-]([0-9a-f]{64})(?:\.scope)?(?=\/|\s|$)/.exec(text)?.[1]
  return {cgroup, unit, container}
}

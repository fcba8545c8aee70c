import {randomBytes} from 'node:crypto'
import {setPriority} from 'node:os'
import {basename} from 'node:path'
import {Args, Flags, type Interfaces} from '@oclif/core'
import {ArrivingCore, type SpilledCore} from '../acquire/arriving-core.ts'
import {compress} from '../acquire/compressor.ts'
import {CrashFolder, type JournalLine} from '../acquire/crash-folder.ts'
import {type CrashNotice, DyingProcess} from '../acquire/dying-process.ts'
import {openProcess} from '../acquire/open-process.ts'
import {packageMembers} from '../acquire/package-writer.ts'
import {writeTar} from '../acquire/tar-archive.ts'
import {FileSource} from '../base/byte-source.ts'
import {DEFAULT_TIMEOUT_SECONDS, Deadline} from '../base/deadline.ts'
import {InputError, messageOf} from '../base/errors.ts'
import {printable} from '../base/printable.ts'
import {ReadRecord, ReadRecords} from '../base/read-record.ts'
import {BaseCommand, operandsOf, searchFlags, timeoutFlag} from './base-command.ts'
import {EXIT, withoutStrict} from './errors.ts'
import {searchOptions} from './open-core.ts'
import {planSmallCore} from './small-core.ts'
import {writeStandardError} from './standard-streams.ts'
import {SUMMARIES} from './summaries.ts'

const GIBIBYTE = 1024 ** 3
/** Of the time, in which the core has to come. */
const READING_SHARE = 0.5
/** Behind what the machine does, but not so far that a busy one never comes to it (setpriority(2)). */
const LOW_PRIORITY = 10
const MAX_FRAMES = 1000
/** Further members of a package: what happened to the core on its way here, and the arguments if they are wanted. */
const NOTE_NAME = 'collect.json'

interface Arrival {
  readonly notice: CrashNotice
  readonly dying: DyingProcess
  /** Of all of it. */
  readonly deadline: Deadline
  readonly line: Omit<JournalLine, 'state'>
}

export default class Collect extends BaseCommand {
  static override summary = SUMMARIES.collect
  static override description =
    'Reads a core from standard input and keeps it in a folder as a package, which every command reads: minimised, or ' +
    'whole with --whole, with the files of the process and what /proc says of it (unit, container, control group). All ' +
    'that comes is read, whatever becomes of it: a full disk never blocks the kernel. One line for each crash goes to ' +
    'collect.ndjson in the folder; of many crashes with one signature in a minute the first are kept, the others ' +
    "counted. `batch FOLDER` analyses what was kept. Half of --timeout is the core's to come: of one that takes longer " +
    'what came is kept.'
  static exitCodes = withoutStrict({
    [EXIT.ok]: 'the crash was kept, or counted',
    [EXIT.input]: 'it could not be kept: the journal says why',
  })
  static override strict = false
  static override args = {
    pid: Args.string({required: true, ignoreStdin: true, name: 'PID', description: '%P of core_pattern'}),
    signal: Args.string({ignoreStdin: true, name: 'SIGNAL', description: '%s'}),
    time: Args.string({ignoreStdin: true, name: 'TIME', description: '%t'}),
    exe: Args.string({ignoreStdin: true, name: 'EXE', description: '%E'}),
  }
  static override flags = {
    folder: Flags.string({char: 'd', required: true, description: 'where the packages go', helpValue: 'DIR'}),
    whole: Flags.boolean({description: 'keep the whole core, not only what reports are made of'}),
    redact: Flags.boolean({description: 'blank texts and values, as minimise --redact', exclusive: ['whole']}),
    cmdline: Flags.boolean({description: 'note the arguments of the program, which may hold secrets'}),
    'max-count': limit('packages that are kept; the oldest give way', 'N', 200),
    'max-disk': limit('room for all of them', 'GB', 10),
    'max-core': limit('of one core more is not kept: it counts as cut', 'GB', 16),
    'keep-free': limit('of the disk that stay free', 'GB', 1),
    'per-minute': limit('crashes with one signature that are kept in a minute', 'N', 3),
    ...searchFlags,
    timeout: timeoutFlag,
  }
  static override examples = [
    "echo '|/usr/bin/node /opt/gotrace-core/bin/run.cjs collect -d /var/crash %P %s %t %E' > /proc/sys/kernel/core_pattern",
    'batch: <%= config.bin %> batch /var/crash --store crashes.db --resume',
  ]

  async run(): Promise<void> {
    let kept = false
    let arriving = this.#await(DEFAULT_TIMEOUT_SECONDS)
    try {
      const {raw, flags} = await this.parse(Collect)
      arriving = this.#await(flags.timeout)
      kept = await this.#collect(arriving, operandsOf(raw), flags)
    } finally {
      // Whatever went wrong before the end of the pipe.
      arriving.drain()
    }
    if (!kept) this.exit(EXIT.input)
  }

  #await(seconds: number): ArrivingCore {
    return new ArrivingCore(new Deadline(seconds * READING_SHARE, this.diagnostics))
  }

  async #collect(arriving: ArrivingCore, words: readonly string[], flags: CollectFlags): Promise<boolean> {
    const deadline = new Deadline(flags.timeout, this.diagnostics)
    const notice = noticeOf(words)
    // What /proc tells is there only until the pipe is read.
    const dying = new DyingProcess(notice)
    const folder = new CrashFolder(flags.folder, {
      count: flags['max-count'],
      size: flags['max-disk'] * GIBIBYTE,
      free: flags['keep-free'] * GIBIBYTE,
      perMinute: flags['per-minute'],
    })
    const arrival = {notice, dying, deadline, line: lineOf(notice, dying)}
    if (folder.arrive({...arrival.line, state: 'arrived'})) {
      arriving.drain()
      folder.note({...arrival.line, state: 'counted', reason: 'its program crashes too often'})
      return true
    }
    const spilled = arriving.spill(flags.folder, flags['max-core'] * GIBIBYTE)
    if (!('path' in spilled)) return this.#lose(folder, arrival, spilled.lost)
    try {
      return await this.#keep(folder, arrival, spilled, {flags, release: () => arriving.release()})
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      return this.#lose(folder, arrival, spilled.lost ?? messageOf(error))
    } finally {
      spilled.close()
    }
  }

  /** @throws InputError where no report can be made of it */
  async #keep(
    folder: CrashFolder,
    arrival: Arrival,
    spilled: SpilledCore,
    {flags, release}: {readonly flags: CollectFlags; readonly release: () => void},
  ): Promise<boolean> {
    const {config, diagnostics} = this
    const {deadline} = arrival
    const name = nameOf(arrival)
    const [record, records] = [new ReadRecord(), new ReadRecords()]
    const {root} = arrival.dying
    const search = searchOptions(flags)
    const sysroots = root === undefined ? search.sysroots : [root, ...(search.sysroots ?? [])]
    const coreName = folder.placeOf(name)
    const context = {diagnostics, deadline, record, records, coreName, sysroots, hostFiles: true}
    const opened = await openProcess(spilled.path, {...search, ...context})
    try {
      release()
      goLast()
      const plan = planSmallCore(
        opened,
        record,
        {redact: flags.redact, values: true, 'max-frames': MAX_FRAMES},
        {config, diagnostics, deadline},
      )
      const signature = plan.signature?.exact ?? null
      const line = {...arrival.line, signature, reason: spilled.lost ?? null}
      if (signature !== null && folder.sign({...line, state: 'signed'})) {
        folder.note({...line, state: 'counted', reason: 'its signature came too often'})
        return true
      }
      const content = {
        tool: {name: config.name, version: config.version},
        core: flags.whole ? wholeOf(spilled) : plan,
        diagnostics: diagnostics.list(),
        fileRecords: records.byPath,
        isRedacted: flags.redact,
        record: arrival.dying.record,
        beside: {[NOTE_NAME]: noteOf(arrival, spilled, flags)},
      }
      const stored = await folder.store(name, sink => compress(writeTar(packageMembers(opened, content)), sink))
      if ('lost' in stored) return this.#lose(folder, {...arrival, line}, stored.lost)
      folder.note({...line, state: 'stored', path: stored.path})
      return true
    } finally {
      opened.close()
    }
  }

  #lose(folder: CrashFolder, {line}: Arrival, reason: string): boolean {
    folder.note({...line, state: 'lost', reason})
    const told = `the core of ${line.program} (${line.pid}) was not kept: ${reason}`
    writeStandardError(`${this.config.bin}: ${printable(told)}\n`)
    return false
  }
}

type CollectFlags = Interfaces.InferredFlags<typeof Collect.flags>

function limit(description: string, helpValue: string, value: number) {
  return Flags.integer({description, helpValue, min: 0, max: 1_000_000, default: value})
}

/** @throws InputError where the first word is no process ID */
function noticeOf([pid = '', signal, time, exe]: readonly string[]): CrashNotice {
  const number = (word: string | undefined): number | undefined =>
    word !== undefined && /^\d{1,15}$/.test(word) ? Number(word) : undefined
  const id = number(pid)
  if (id === undefined) {
    throw new InputError('bad-argument', `${pid}: no process ID`, 'core_pattern gives it: collect -d DIR %P %s %t %E')
  }
  return {pid: id, signal: number(signal), time: number(time), exe}
}

function lineOf({pid, signal}: CrashNotice, {record}: DyingProcess): Omit<JournalLine, 'state'> {
  return {
    id: randomBytes(8).toString('hex'),
    time: new Date().toISOString(),
    program: record.exe ?? record.name ?? '?',
    pid,
    signal: signal ?? null,
    signature: null,
    path: null,
    reason: null,
  }
}

/** Names come from the program: of them no more than letters goes into that of a file. */
function nameOf({notice, dying}: Arrival): string {
  const {exe, name, time} = dying.record
  const program = basename(exe ?? name ?? 'core').replace(/[^\w.-]/g, '_')
  const safe = program.replace(/^\.+/, '').slice(0, 64)
  return `${safe === '' ? 'core' : safe}.${notice.pid}.${Math.floor(Date.parse(time ?? '') / 1000)}`
}

function wholeOf({path, size}: SpilledCore): {size: number; chunks(): Iterable<Uint8Array>} {
  const file = FileSource.open(path)
  return {size: Math.min(size, file.size), chunks: () => file.chunks(GIBIBYTE / 1024)}
}

function noteOf({notice, dying}: Arrival, {size, lost}: SpilledCore, {cmdline, redact}: CollectFlags): Uint8Array {
  const commandLine = cmdline && !redact ? dying.commandLine : null
  const note = {pid: notice.pid, coreSize: size, incomplete: lost ?? null, commandLine}
  return new TextEncoder().encode(`${JSON.stringify(note, null, 1)}\n`)
}

/** The process may go, and what is left to do has time. */
function goLast(): void {
  try {
    setPriority(LOW_PRIORITY)
  } catch {
    // Not allowed: then at the priority that it has.
  }
}

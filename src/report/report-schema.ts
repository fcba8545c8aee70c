import {z} from 'zod'
import {DIAGNOSTIC_CODES} from '../base/diagnostics.ts'
import {cgoSchema} from './cgo-schema.ts'
import {
  address,
  count,
  createdBySchema,
  elidedSchema,
  frameSchema,
  hexString,
  image,
  missingFramesSchema,
  oneOf,
  registersSchema,
  stopReasonSchema,
  text,
} from './stack-schema.ts'
import {summarySchema} from './summary-schema.ts'

/** The parts of `analyze --json`, most of which other commands print too. */

const waitSchema = z
  .strictObject({
    kind: z.string().describe('of a lock of C or of Go, or the wait reason; docs/json-schema.md lists them'),
    address: address.describe('of the lock or channel; null: it has none, or nothing leads to it'),
    addresses: z.array(hexString).describe('all channels of a select'),
    owner: text.describe(
      'the thread that a lock of C names, with its goroutine where that is sure; null: not recorded',
    ),
    deadlock: count.describe('the proven deadlock that it is in: an index of `blocking.cycles`'),
  })
  .meta({id: 'wait', description: 'what a goroutine or a thread waits for'})

export const goroutineSchema = z
  .strictObject({
    id: z
      .number()
      .int()
      .describe(
        'its number, as Go prints it; 0: the system stack that an M died on, which `analyze` alone lists, as Go does',
      ),
    image,
    status: z.string().describe('of its g: running, runnable, syscall, waiting, …'),
    state: z.string().describe('the text in brackets: the wait reason, else the status'),
    header: z.string().describe('the first line of the block, as the runtime of that release prints it'),
    waitReason: text.describe('why it is blocked, in the words of that release; null: it is not'),
    waitMinutes: count.describe('it has waited at least so long; null: under a minute, or not known'),
    lockedToThread: z.boolean().describe('by runtime.LockOSThread'),
    system: z
      .boolean()
      .nullable()
      .describe('started by the runtime for itself; null: the function that it started in is not known'),
    labels: z.record(z.string(), z.string()).describe('labels of the profiler (runtime/pprof), by key'),
    address: address.describe('of its g'),
    m: count.describe('ID of the M that it is on; null: none'),
    thread: count.describe(
      'kernel thread ID of the one whose stack leads through it: it runs there, or is parked inside of a callback; null: none',
    ),
    inCgo: z.boolean().describe('in a call from Go into C'),
    detailed: z.boolean().describe('the text of its frames carries fp, sp and pc'),
    remarks: z
      .array(z.string())
      .describe('what the runtime prints of the walk itself before the frames: of a pc that is no Go code'),
    frames: z.array(frameSchema).describe('innermost first; which ones, `--traceback` and `--cgo-frames` say'),
    createdBy: createdBySchema
      .nullable()
      .describe('the `go` statement that started it; null: none, as of the first one'),
    ancestors: z
      .array(
        z.strictObject({
          goroutine: count.describe('its ID'),
          frames: z.array(frameSchema).describe('its stack at the `go` statement'),
          createdBy: createdBySchema.nullable().describe('what started it in turn; null: none'),
          elided: z.boolean().describe('its outermost frames were left out'),
        }),
      )
      .describe('who started it, and who started that; with GODEBUG=tracebackancestors alone'),
    waitingFor: waitSchema.nullable().describe('what a blocked goroutine waits for, as far as memory tells'),
    stop: stopReasonSchema
      .nullable()
      .describe('why the walk of its stack ended; null: not walked, for the time was over'),
    elided: elidedSchema,
    missing: missingFramesSchema,
  })
  .meta({id: 'goroutine', description: 'a goroutine with its stack'})

export const threadSchema = z
  .strictObject({
    id: z.number().int().describe('the kernel thread ID'),
    name: text.describe('a core keeps that of the first thread alone'),
    image,
    m: count.describe('ID of the M that it runs; null: none, as of a thread of C'),
    goroutine: count.describe(
      'ID of the goroutine that its stack leads through: its M runs it, or it is parked inside of a callback; null: none',
    ),
    goroutineKnown: z
      .boolean()
      .describe('whether a null of `goroutine` is a fact; else what it runs is not in the core'),
    alsoRuns: z
      .array(
        z.strictObject({
          image: z.string().describe('path of the executable or library that the runtime came with'),
          m: z.number().int().describe('ID of its M'),
          goroutine: count.describe('ID of the goroutine that this M runs; null: none'),
        }),
      )
      .describe('what other Go runtimes have on the thread, where Go called C that called another Go'),
    signal: count.describe('the signal of the frame that was left to reach the first frame here; null: none'),
    waitingFor: waitSchema
      .nullable()
      .describe('the lock that it waits for in C, or what its goroutine waits for in Go'),
    idle: z
      .boolean()
      .nullable()
      .describe('nothing but the Go scheduler waiting for work; null: neither its frames nor the scheduler tell'),
    handlerFrames: z.number().int().describe('leading frames that belong to a signal handler of the Go runtime'),
    frames: z.array(frameSchema).describe('C and Go in one stack, innermost first'),
    stop: stopReasonSchema.nullable().describe('why the walk of its stack ended; null: not walked'),
    elided: elidedSchema,
    missing: missingFramesSchema,
    registers: registersSchema.describe('all that the core has of it'),
  })
  .meta({id: 'thread', description: 'a thread of the operating system'})

export const instructionSchema = z
  .strictObject({
    text: text.describe('AT&T syntax; null where the fault was in reaching the instruction: a jump to nowhere'),
    bytes: text.describe('the instruction in hexadecimal; null where `text` is'),
    operand: text.describe('the operand that faulted; %rip where the instruction could not be read'),
    operandAddress: address.describe('its address by the registers; where those are gone, what the kernel reported'),
    addressKind: text.describe('what that address is: null plus offset, stack guard, unmapped next to a mapping, …'),
    variables: z
      .array(
        z.strictObject({
          register: z.string().describe('a register of the operand'),
          name: text.describe('the variable, or the field of one, that it held'),
          type: text.describe('its type; null of a field'),
          value: z.string().describe('its value, as in `frames[].variables[]`'),
        }),
      )
      .optional()
      .describe(
        'which variables the registers of the operand were, as far as that is known; left out without `--values`',
      ),
  })
  .meta({id: 'instruction', description: 'the instruction that faulted'})

export const crashSchema = z
  .strictObject({
    kind: oneOf({
      signal: 'a signal that Go did not turn into a panic',
      panic: 'a panic of Go that nothing recovered',
      fatal: 'an error that the Go runtime dies of: `fatal error: …`',
      none: 'the process had not crashed',
    }).describe('what ended the process'),
    signal: text.describe('name of the first signal, such as SIGSEGV; null: there was none'),
    signalNumber: count.describe('its number; null: there was none'),
    code: count.describe('its si_code'),
    codeName: text.describe('name of `code`, such as SEGV_MAPERR'),
    faultAddress: address.describe('its si_addr; null where that has no meaning'),
    senderPid: count.describe(
      'process that sent it, 0 for one that this process cannot see; null: none did, or not known',
    ),
    pc: address.describe('where it was'),
    message: text.describe('of the panic or of the fatal error; null: there is none'),
    thread: count.describe('kernel thread ID of the one that crashed; null: none did'),
    image,
    m: count.describe('ID of the M of that thread; null: none'),
    goroutine: count.describe('ID of the goroutine that crashed; null: none was on that thread'),
    duringCgo: z.boolean().describe('it came while C code ran for a goroutine'),
    header: z.array(z.string()).describe('the lines above the first goroutine, as Go prints them'),
    runtimeStack: z
      .array(frameSchema)
      .describe('the frames under `runtime stack:`; empty where the runtime prints none'),
    registers: registersSchema.nullable().describe('where the signal came; null: there was none, or they are gone'),
    instruction: instructionSchema
      .nullable()
      .describe('the one that faulted; null: no instruction is to blame, as of an abort or a kill'),
    cause: z
      .strictObject({
        kind: z.string().describe('docs/json-schema.md lists the kinds'),
        text: z.string().describe('what it said, and where'),
      })
      .nullable()
      .describe(
        'what C code said of its own end: a failed assertion, an exception of C++, a panic of Rust, a malloc check; null: nothing',
      ),
  })
  .meta({id: 'crash', description: 'how the process died'})

export const moduleSchema = z
  .strictObject({
    path: z.string().describe('as the process had it'),
    buildId: text.describe('of what was running, in hexadecimal; null too where it has none'),
    start: hexString.describe('its lowest address'),
    end: hexString.describe('the address behind its last'),
    loadBias: hexString.describe('what an address is higher than in the file'),
    found: text.describe('the file that was used; "memory" for an image in the core; null: none'),
    symbols: oneOf({
      dwarf: 'DWARF: functions, inlined ones too, files and lines',
      symtab: 'the whole symbol table: functions',
      dynsym: 'exported functions alone',
      pclntab: 'the function table of Go: Go functions, files and lines',
      none: 'nothing',
    })
      .nullable()
      .describe('the fullest table that names its functions; null: there is no file and no image'),
    mismatch: text.describe('build ID of a file that was refused; null: none was'),
    losses: z
      .strictObject({
        unnamed: z.number().int().describe('frames that no table names'),
        withoutLine: z.number().int().describe('frames with a name and no line; the start-up code of C does not count'),
        remedies: z.array(z.string()).describe('commands or steps that would help, the likeliest first'),
      })
      .nullable()
      .describe('what the stacks shown lost for want of its symbols; null: nothing, or no stack is shown'),
  })
  .meta({id: 'module', description: 'an executable or a library of the process'})

const diagnosticSchema = z
  .strictObject({
    code: oneOf(DIAGNOSTIC_CODES).describe('what it is about; scripts match on this'),
    severity: oneOf({
      info: 'the report says the same without it',
      warning: 'a part of the report is missing or less sure',
      error: 'the better part of the report is missing, or this is what it is about',
    }).describe('how much it matters'),
    message: z.string().describe('a sentence for people'),
    where: text.describe('file, section and offset, thread or goroutine; null: it concerns the whole run'),
    count: z.number().int().describe('how often it happened there'),
    hint: text.describe('the next command or step to try; null: there is none'),
  })
  .meta({id: 'diagnostic', description: 'what lowered the detail of the report, or is worth a look'})

export const toolSchema = z
  .strictObject({
    name: z.string().describe('gotrace-core'),
    version: z.string().describe('its version'),
  })
  .meta({id: 'tool', description: 'what made the report'})

const originSchema = z
  .strictObject({
    handler: oneOf({
      systemd: 'systemd-coredump',
      apport: 'apport of Ubuntu',
      abrt: 'ABRT',
      'gotrace-core': '`collect` of this program',
    }).describe('the program that took the core from the kernel'),
    source: oneOf({
      'file-name': 'the name of the core',
      attributes: 'the extended attributes of the core, and its name',
      folder: 'the files beside the core',
      package: 'the package that the core is in',
    }).describe('where it was noted'),
    name: text.describe('of the process, as the kernel had it'),
    pid: count.describe('of the process, as the host saw it'),
    uid: count.describe('of the user it ran as'),
    time: text.describe('when it crashed, ISO 8601 in UTC'),
    signal: count.describe('number of the signal that ended it'),
    exe: text.describe('path of the program'),
    unit: text.describe('of systemd, that it ran in'),
    container: text.describe('ID of the container that it ran in'),
    cgroup: text.describe('path of its control group'),
    host: text.describe('name of the machine'),
  })
  .meta({
    id: 'origin',
    description: 'what the program that took the core noted of the crash; the core tells none of it',
  })

const coreSchema = z
  .strictObject({
    path: z.string().describe('as it was given'),
    size: z.number().int().describe('in bytes, unpacked'),
    compression: text.describe('what it was packed with, `none` for not at all'),
    truncated: z.boolean().describe('it ends before what it promises'),
    pid: count.describe('of the process'),
    executable: text.describe('path of the program, as the process had it'),
    arguments: z.array(z.string()).describe('the command line, of which a core keeps 80 bytes, split at spaces'),
    threadCount: z.number().int().describe('threads in the core'),
    pageSize: z.number().int().describe('in bytes'),
    origin: originSchema.nullable().describe('null: no crash handler that is known put it there'),
  })
  .meta({id: 'core', description: 'the core file'})

/** What is said of each Go runtime of a process. */
const ofRuntime = {
  version: text.describe('release that built it, such as go1.27.4'),
  symbols: oneOf({
    dwarf: 'DWARF',
    symtab: 'the symbol table',
    pclntab: 'the function table of the runtime alone',
    none: 'nothing: no function table of Go was found',
  }).describe('the fullest table that names Go functions'),
  layoutSource: oneOf({
    dwarf: 'from the DWARF of the program itself',
    table: 'from the tables that this program has of Go releases',
  })
    .nullable()
    .describe('where the layouts of runtime structures are from; null: none was read'),
  main: text.describe('path of the main package'),
}

export const goSchema = z
  .strictObject({
    ...ofRuntime,
    mainVersion: text.describe('version of its module; null: none is stated, or not known'),
    modules: z
      .array(
        z.strictObject({
          path: z.string().describe('module path'),
          version: text.describe('its version; null: none is stated'),
          sum: text.describe('its checksum, as in go.sum; null: none is stated'),
        }),
      )
      .describe('modules that it was built from (`go version -m`)'),
    settings: z.record(z.string(), z.string()).describe('build settings (`go version -m`), by key'),
    images: z
      .array(
        z
          .strictObject({
            path: text.describe('of the executable or library that holds it; null: not known'),
            ...ofRuntime,
          })
          .meta({id: 'goImage', description: 'a Go runtime, and the program or library that it came with'}),
      )
      .describe('each Go runtime of the process, that of the program, which the fields above describe, first'),
  })
  .meta({id: 'go', description: 'the Go side of the program'})

export const signatureSchema = z
  .strictObject({
    version: z.string().describe('of the rules; signatures compare where it is the same'),
    exact: text.describe('the same for the same bug; null: the process had not crashed'),
    family: text.describe('class of the crash, top Go frame, top C frame; null where `exact` is'),
    frames: z
      .array(z.string())
      .describe('the frames that `exact` is made of, and those of C whose code it has in place of a name'),
    explain: z
      .array(z.string())
      .describe('the class of the crash; for each frame which rule kept it, left it out, or wrote it in another way'),
  })
  .meta({id: 'signature', description: 'what makes two crashes the same bug'})

const share = z.number().min(0).max(1).nullable()
export const completenessSchema = z
  .strictObject({
    goFrames: share.describe(
      'share of the goroutines whose stack was walked to its end, of all in the list of the runtime where time was over before its end; null: no goroutine was found',
    ),
    cFrames: share.describe('share of the C frames that have a name; null: there are none'),
    score: share.describe(
      'their mean; below 1 too where the core is cut or a thread’s stack has no end; null: nothing to walk',
    ),
    reasons: z.array(z.string()).describe('what keeps `score` from being 1, in words'),
  })
  .meta({id: 'completeness', description: 'how much of the answer was there to be had'})

const partySchema = z
  .strictObject({
    thread: count.describe('its id; null: a goroutine without a thread'),
    goroutine: count.describe('null: none, or not known, since the one that took a lock may have left the thread'),
    image,
  })
  .meta({id: 'party', description: 'who waits for a lock or holds it'})

export const lockSchema = z
  .strictObject({
    kind: z.string().describe('docs/json-schema.md lists the kinds'),
    address: address.describe('null: the waiter waits on a word of its own, which does not lead to the lock'),
    waiters: z.array(partySchema).describe('the first 100'),
    waiterCount: z.number().int().describe('of all waiters'),
    owner: partySchema.nullable().describe('who took it, where the lock says so; Go and conditions record none'),
  })
  .meta({id: 'lock', description: 'a lock that something waits for'})

export const blockingSchema = z
  .strictObject({
    locks: z.array(lockSchema).describe('locks of C, and those of package sync, that something waits for'),
    cycles: z
      .array(z.array(z.string()))
      .describe('proven deadlocks: each waits for what the next one holds, the last for the first'),
    chains: z
      .array(z.string())
      .describe('what would be a deadlock on a condition that memory does not decide, or whose owner has gone'),
  })
  .meta({id: 'blocking', description: 'who waits for whom'})

export const schemaVersion = z.literal('1').describe('of the shape of this document; additions do not change it')

/** How every report about one core begins. */
export const opening = {
  schemaVersion,
  tool: toolSchema,
  core: coreSchema,
  go: goSchema,
}

/** What was met on the way, as every report ends. */
export const diagnosticsSchema = z
  .array(diagnosticSchema)
  .describe('what lowered the detail of the report, and what would help')

export const reportSchema = z
  .strictObject({
    ...opening,
    summary: summarySchema,
    crash: crashSchema,
    goroutines: z.array(goroutineSchema).describe('the crashing one first, then in the order of the runtime'),
    threads: z.array(threadSchema).describe('every thread, as they are in the core'),
    cgo: cgoSchema,
    blocking: blockingSchema,
    modules: z.array(moduleSchema).describe('the program and its libraries'),
    signature: signatureSchema,
    completeness: completenessSchema,
    diagnostics: diagnosticsSchema,
  })
  .meta({title: 'gotrace-core analyze --json'})

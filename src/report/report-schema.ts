import {z} from 'zod'
import {DIAGNOSTIC_CODES} from '../base/diagnostics.ts'
import {FOUND_BY, MISSING_REASONS, STOP_REASONS} from './vocabulary.ts'

/**
 * The shape of every report, once: the types of the report (`core-report.ts`, by `import type`) and the published JSON Schema
 * (`schema/`, made by `npm run build`) both come from here. Nothing imports this module at run time.
 *
 * Addresses are "0x…" strings; a field that is unknown is null, never left out.
 */
export const hexString = z
  .string()
  .regex(/^0x[0-9a-f]+$/)
  .meta({id: 'hex', description: 'an address or a 64-bit word'})
export const text = z.string().nullable()
export const count = z.number().int().nullable()
const address = hexString.nullable()

/** One of some words; what each says goes into the published schema. */
export function oneOf<Word extends string>(meanings: Readonly<Record<Word, string>>) {
  return z.enum(Object.keys(meanings) as Word[]).meta({meanings})
}

export const frameSchema = z
  .strictObject({
    kind: z.enum(['go', 'c', 'signal', 'switch', 'unknown']),
    function: text.describe('as Go prints it; C++ and Rust names demangled'),
    file: text,
    line: count,
    column: count,
    pc: address,
    entry: address.describe('start of the function'),
    offset: address.describe('pc - entry'),
    sp: address,
    fp: address.describe('the canonical frame address (CFA)'),
    args: text.describe('what stands between the parentheses; null for C and for inlined frames'),
    inlined: z.boolean(),
    module: text,
    moduleOffset: address,
    language: text,
    foundBy: oneOf(FOUND_BY).nullable(),
  })
  .meta({id: 'frame'})

export const stopReasonSchema = oneOf(STOP_REASONS).meta({
  id: 'stopReason',
  description: 'why the walk of a stack ended; anything but `end-of-stack` means that outer frames are missing',
})

const missingReasonSchema = oneOf(MISSING_REASONS).meta({
  id: 'missingReason',
  description: 'why frames are missing in a stack, at its end or further in',
})

const missingFramesSchema = z
  .array(z.strictObject({after: z.number().int(), reason: missingReasonSchema}))
  .describe('where frames are missing: after frames[after - 1]')

const elidedSchema = z
  .strictObject({after: z.number().int(), count: count})
  .nullable()
  .describe('frames left out after frames[after - 1]; count null: the runtime of that release does not say how many')

export const createdBySchema = z
  .strictObject({function: text, file: text, line: count, offset: address, goroutine: count})
  .meta({id: 'createdBy'})

export const waitSchema = z
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
    id: z.number().int(),
    status: z.string(),
    state: z.string().describe('the text in brackets'),
    header: z.string().describe('the first line of the block, as the runtime of that release prints it'),
    waitReason: text,
    waitMinutes: count,
    lockedToThread: z.boolean(),
    system: z.boolean().describe('started by the runtime for itself'),
    labels: z.record(z.string(), z.string()),
    address: address,
    m: count,
    thread: count,
    inCgo: z.boolean(),
    detailed: z.boolean().describe('the text of its frames carries fp, sp and pc'),
    frames: z.array(frameSchema),
    createdBy: createdBySchema.nullable(),
    ancestors: z.array(
      z.strictObject({
        goroutine: count,
        frames: z.array(frameSchema),
        createdBy: createdBySchema.nullable(),
        elided: z.boolean(),
      }),
    ),
    waitingFor: waitSchema.nullable().describe('what a blocked goroutine waits for, as far as memory tells'),
    stop: stopReasonSchema.nullable(),
    elided: elidedSchema,
    missing: missingFramesSchema,
  })
  .meta({id: 'goroutine'})

export const registersSchema = z.record(z.string(), hexString).meta({id: 'registers'})

export const threadSchema = z
  .strictObject({
    id: z.number().int().describe('the kernel thread ID'),
    name: text,
    m: count,
    goroutine: count,
    signal: count.describe('the signal of the frame that was left to reach the first frame here; null: none'),
    waitingFor: waitSchema
      .nullable()
      .describe('the lock that it waits for in C, or what its goroutine waits for in Go'),
    idle: z.boolean().describe('nothing but the Go scheduler waiting for work'),
    handlerFrames: z.number().int().describe('leading frames that belong to a signal handler of the Go runtime'),
    frames: z.array(frameSchema),
    stop: stopReasonSchema.nullable(),
    elided: elidedSchema,
    missing: missingFramesSchema,
    registers: registersSchema,
  })
  .meta({id: 'thread'})

export const instructionSchema = z
  .strictObject({
    text: text.describe('AT&T syntax; null where the fault was in reaching the instruction: a jump to nowhere'),
    bytes: text,
    operand: text.describe('the operand that faulted; %rip where the instruction could not be read'),
    operandAddress: address,
    addressKind: text.describe('what that address is: null plus offset, stack guard, unmapped next to a mapping, …'),
  })
  .meta({id: 'instruction'})

export const crashSchema = z
  .strictObject({
    kind: z.enum(['signal', 'panic', 'fatal', 'none']),
    signal: text,
    signalNumber: count,
    code: count,
    codeName: text,
    faultAddress: address,
    pc: address,
    message: text,
    thread: count,
    m: count,
    goroutine: count,
    duringCgo: z.boolean(),
    header: z.array(z.string()).describe('the lines as printed'),
    runtimeStack: z
      .array(frameSchema)
      .describe('the frames under `runtime stack:`; empty where the runtime prints none'),
    registers: registersSchema.nullable(),
    instruction: instructionSchema.nullable(),
    cause: z
      .strictObject({kind: z.string(), text: z.string()})
      .nullable()
      .describe(
        'what C code said of its own end: a failed assertion, a C++ exception, a panic of Rust, a malloc check',
      ),
  })
  .meta({id: 'crash'})

export const savedCallersSchema = z
  .strictObject({
    state: z.enum(['none', 'empty', 'saved', 'consumed', 'busy', 'stale']).nullable().describe('null: not known'),
    pcs: z.array(hexString),
    tail: z.array(hexString).describe('left over from an earlier, longer traceback'),
    frames: z.array(frameSchema),
    agreesWithUnwind: z.enum(['agrees', 'longer', 'shorter', 'contradicts']).nullable(),
  })
  .meta({id: 'savedCallers'})

const handlerSchema = z.strictObject({
  wouldCollect: z.boolean().nullable(),
  failedCondition: text.describe(
    'the first condition of runtime.cgoSigtramp that fails; null where one before it is not known',
  ),
  explanation: z.string(),
})
const tracebackSchema = z.strictObject({
  wouldPrint: z.boolean().nullable(),
  failedCondition: text.describe('the first condition of runtime.traceback1 that fails'),
  explanation: z.string(),
})
const contextsSchema = z
  .array(z.strictObject({value: hexString, popped: z.boolean()}))
  .describe('g.cgoCtxt, oldest first; popped: a panic ran the deferred function that takes it off')
const callbacksSchema = z
  .array(
    z.strictObject({
      function: text,
      frames: z.array(frameSchema),
      missing: missingReasonSchema.nullable().describe('why not all frames are here; null: they are'),
    }),
  )
  .describe('calls from C into Go, innermost first: the Go function and the C frames that called it')

const nestedCallSchema = z.strictObject({
  entry: text.describe('the C function Go called, as the programmer wrote it'),
  caller: createdBySchema.nullable().describe('the Go line that called it'),
  current: frameSchema.nullable().describe('where C is now'),
  cFrames: count.describe('C frames of this call'),
  missing: missingReasonSchema.nullable().describe('why not all of its C frames are known; null: they are'),
})

export const cgoCallSchema = z
  .strictObject({
    m: count,
    thread: count,
    goroutine: count,
    depth: count.describe('m.ncgo: nested calls'),
    total: count.describe('m.ncgocall: calls so far'),
    ...nestedCallSchema.shape,
    inCallback: z.boolean().describe('C has called back into Go and waits for it'),
    outer: z.array(nestedCallSchema).describe('the calls that this one is nested in, innermost first'),
    saved: savedCallersSchema,
    handler: handlerSchema,
    traceback: tracebackSchema,
    contexts: contextsSchema,
    callbacks: callbacksSchema,
  })
  .meta({id: 'cgoCall', description: 'the innermost cgo call of an M'})

export const cgoThreadSchema = z
  .strictObject({
    m: count.describe('null: a thread that Go does not know'),
    thread: count.describe('null: an M that no thread runs'),
    goroutine: count,
    depth: count,
    total: count,
    saved: savedCallersSchema,
    handler: handlerSchema,
    traceback: tracebackSchema,
    contexts: contextsSchema,
    callbacks: callbacksSchema,
  })
  .meta({id: 'cgoThread'})

const hookSchema = z.strictObject({address: hexString, symbol: text}).nullable()

export const cgoSchema = z
  .strictObject({
    enabled: z.boolean().nullable().describe('runtime.iscgo'),
    hooks: z.strictObject({traceback: hookSchema, context: hookSchema, symbolizer: hookSchema}),
    hooksKnown: z.boolean().describe('false: null among the hooks may stand for one that was not found'),
    groups: z
      .array(z.strictObject({entry: text, count: z.number().int(), goroutines: z.array(z.number().int())}))
      .describe('innermost calls by the C function that Go called, most first; the first 20 goroutines of each'),
    calls: z.array(cgoCallSchema),
    threads: z.array(cgoThreadSchema).describe('every thread, and every M that no thread runs'),
  })
  .meta({id: 'cgo'})

export const moduleSchema = z
  .strictObject({
    path: z.string(),
    buildId: text,
    start: hexString,
    end: hexString,
    loadBias: hexString,
    found: text.describe('the file that was used; "memory" for an image in the core; null: none'),
    symbols: z.enum(['dwarf', 'symtab', 'dynsym', 'pclntab', 'none']).nullable(),
    mismatch: text.describe('build ID of a file that was refused'),
  })
  .meta({id: 'module'})

export const diagnosticSchema = z
  .strictObject({
    code: oneOf(DIAGNOSTIC_CODES),
    severity: z.enum(['info', 'warning', 'error']),
    message: z.string(),
    where: text,
    count: z.number().int(),
    hint: text,
  })
  .meta({id: 'diagnostic'})

export const toolSchema = z.strictObject({name: z.string(), version: z.string()}).meta({id: 'tool'})

export const coreSchema = z
  .strictObject({
    path: z.string(),
    size: z.number().int(),
    compression: text,
    truncated: z.boolean(),
    pid: count,
    executable: text,
    arguments: z.array(z.string()),
    threadCount: z.number().int(),
    pageSize: z.number().int(),
  })
  .meta({id: 'core'})

export const goSchema = z
  .strictObject({
    version: text,
    symbols: z.enum(['dwarf', 'symtab', 'pclntab', 'none']),
    layoutSource: z.enum(['dwarf', 'table']).nullable(),
    main: text,
    modules: z.array(z.strictObject({path: z.string(), version: text, sum: text})),
    settings: z.record(z.string(), z.string()),
  })
  .meta({id: 'go'})

export const signatureSchema = z
  .strictObject({exact: text, family: text, frames: z.array(z.string()), explain: z.array(z.string())})
  .meta({id: 'signature'})

const share = z.number().min(0).max(1).nullable()
export const completenessSchema = z
  .strictObject({
    goFrames: share.describe('share of the goroutines whose stack was walked to its end'),
    cFrames: share.describe('share of the C frames that have a name'),
    score: share,
  })
  .meta({id: 'completeness'})

const partySchema = z
  .strictObject({
    thread: count.describe('its id; null: a goroutine without a thread'),
    goroutine: count.describe('null: none, or not known, since the one that took a lock may have left the thread'),
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
  .meta({id: 'lock'})

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

export const schemaVersion = z.literal('1')

/** How every report about one core begins. */
export const opening = {schemaVersion, tool: toolSchema, core: coreSchema, go: goSchema}

export const reportSchema = z
  .strictObject({
    ...opening,
    crash: crashSchema,
    goroutines: z.array(goroutineSchema),
    threads: z.array(threadSchema),
    cgo: cgoSchema,
    blocking: blockingSchema,
    modules: z.array(moduleSchema),
    signature: signatureSchema,
    completeness: completenessSchema,
    diagnostics: z.array(diagnosticSchema),
  })
  .meta({title: 'gotrace-core analyze --json'})

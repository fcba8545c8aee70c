import {z} from 'zod'
import {
  count,
  createdBySchema,
  frameSchema,
  hexString,
  image,
  missingReasonSchema,
  oneOf,
  text,
} from './stack-schema.ts'

export const savedCallersSchema = z
  .strictObject({
    state: oneOf({
      none: 'the M has no array',
      empty: 'nothing is in it',
      saved: 'collected in this call',
      consumed: 'read in this call, for a traceback or by the CPU profiler, which zeroes the first entry',
      busy: 'being read when the process ended (`m.cgoCallersUse`)',
      stale: 'of an earlier call, or of a nested one that has ended',
    })
      .nullable()
      .describe('of `m.cgoCallers`; null: it is not in the core'),
    pcs: z.array(hexString).describe('the list'),
    tail: z.array(hexString).describe('entries behind its end, left over from earlier and longer lists'),
    frames: z.array(frameSchema).describe('what the symbolizer says of `pcs`'),
    agreesWithUnwind: oneOf({
      agrees: 'the same, but for how far the innermost function has come',
      longer: 'goes on where the stack ends',
      shorter: 'a part of the stack',
      contradicts: 'another stack',
    })
      .nullable()
      .describe('the list against the stack that was unwound; null: not comparable'),
  })
  .meta({id: 'savedCallers', description: 'the C stack that a signal handler of the Go runtime had saved'})

const handlerSchema = z
  .strictObject({
    wouldCollect: z.boolean().nullable().describe('whether it would collect a C stack'),
    failedCondition: text.describe(
      'the first condition of runtime.cgoSigtramp that fails; null where none does, and where one before it is not known',
    ),
    explanation: z.string().describe('the same as a sentence'),
  })
  .describe('what a signal now would make the handler of the Go runtime do')

const tracebackSchema = z
  .strictObject({
    wouldPrint: z.boolean().nullable().describe('whether saved C frames would be printed'),
    failedCondition: text.describe(
      'the first condition of runtime.traceback1 that fails; null where none does, and where one is not known',
    ),
    explanation: z.string().describe('the same as a sentence'),
  })
  .describe('what a traceback by the Go runtime would do now')

const contextsSchema = z
  .array(
    z.strictObject({
      value: hexString.describe('what the context function gave'),
      popped: z.boolean().describe('a panic ran the deferred function that takes it off'),
    }),
  )
  .describe('g.cgoCtxt, oldest first')

const callbacksSchema = z
  .array(
    z.strictObject({
      function: text.describe('the Go function that was called'),
      frames: z.array(frameSchema).describe('the C frames that called it, innermost first'),
      missing: missingReasonSchema.nullable().describe('why not all frames are here; null: they are'),
    }),
  )
  .describe('calls from C into Go, innermost first')

const nestedCallSchema = z
  .strictObject({
    entry: text.describe('the C function that Go called, as the programmer wrote it'),
    caller: createdBySchema.nullable().describe('the Go line that called it'),
    current: frameSchema.nullable().describe('where C is now; where it called back into Go, the frame that did'),
    cFrames: count.describe('how many C frames the call has'),
    missing: missingReasonSchema.nullable().describe('why not all of its C frames are known; null: they are'),
  })
  .meta({id: 'nestedCall', description: 'one call from Go into C'})

/** What is said of an M alike, in a call or not. */
const ofMachine = {
  saved: savedCallersSchema.describe('`m.cgoCallers`'),
  handler: handlerSchema,
  traceback: tracebackSchema,
  contexts: contextsSchema,
  callbacks: callbacksSchema,
}

export const cgoCallSchema = z
  .strictObject({
    image,
    m: count.describe('ID of the M'),
    thread: count.describe('kernel thread ID; null: no thread runs this M'),
    goroutine: count.describe('ID of the goroutine'),
    goroutineKnown: z.boolean().describe('false: which goroutine it is of is not in the core'),
    depth: count.describe('m.ncgo: calls in progress, one inside of the other; 0: a panic has taken them back'),
    total: count.describe('m.ncgocall: calls so far; null: more than can be true'),
    ...nestedCallSchema.shape,
    inCallback: z.boolean().describe('C has called back into Go and waits for it'),
    outer: z.array(nestedCallSchema).describe('the calls that this one is nested in, innermost first'),
    ...ofMachine,
  })
  .meta({id: 'cgoCall', description: 'the innermost cgo call of an M'})

export const cgoThreadSchema = z
  .strictObject({
    image,
    m: count.describe('ID of the M; null: a thread that Go does not know'),
    thread: count.describe('kernel thread ID; null: an M that no thread runs'),
    goroutine: count.describe('ID of the goroutine that the stack of its thread leads through; null: none'),
    goroutineKnown: z
      .boolean()
      .describe('whether a null of `goroutine` is a fact; else what it runs is not in the core'),
    depth: count.describe('m.ncgo: calls in progress, one inside of the other; null: there is no M'),
    total: count.describe('m.ncgocall: calls so far; null: there is no M, or more than can be true'),
    ...ofMachine,
  })
  .meta({id: 'cgoThread', description: 'what the Go runtime knows of the C side of a thread'})

const hookSchema = z
  .strictObject({
    address: hexString.describe('of the function'),
    symbol: text.describe('its name'),
  })
  .nullable()

export const cgoSchema = z
  .strictObject({
    enabled: z.boolean().nullable().describe('runtime.iscgo'),
    hooks: z
      .strictObject({
        traceback: hookSchema.describe('collects a C stack; null: not given, see `hooksKnown`'),
        context: hookSchema.describe('remembers where C called Go; null: not given, see `hooksKnown`'),
        symbolizer: hookSchema.describe('names C code; null: not given, see `hooksKnown`'),
      })
      .describe('what `runtime.SetCgoTraceback` was given'),
    hooksKnown: z.boolean().describe('false: null among the hooks may stand for one that was not found'),
    callsKnown: z
      .boolean()
      .describe('false: more calls may be in progress than are listed, on stacks that were not read to their end'),
    groups: z
      .array(
        z.strictObject({
          entry: text.describe('the C function that Go called'),
          count: z.number().int().describe('how many calls'),
          goroutines: z.array(z.number().int()).describe('IDs of the first 20'),
        }),
      )
      .describe('innermost calls by the C function that Go called, most first'),
    calls: z.array(cgoCallSchema).describe('one entry for each M in C: its innermost call'),
    threads: z.array(cgoThreadSchema).describe('every thread, and every M that no thread runs'),
  })
  .meta({id: 'cgo', description: 'calls between Go and C'})

import {z} from 'zod'
import {FOUND_BY, MISSING_REASONS, STOP_REASONS, VARIABLE_STATES} from './vocabulary.ts'

/**
 * Values, frames and stacks, of which all reports are made. The shape of every report stands once, here and in the
 * schemas beside this one: the types (`core-report.ts`, by `import type`) and the published JSON Schema (`schema/`,
 * made by `npm run build`) come from them. Nothing imports them at run time.
 *
 * null: not known, or, where the description says so, that there is none. No field is ever left out.
 */
export const hexString = z
  .string()
  .regex(/^0x[0-9a-f]+$/)
  .meta({id: 'hex', description: 'an address or a 64-bit word'})
export const text = z.string().nullable()
export const count = z.number().int().nullable()
export const address = hexString.nullable()

/** IDs of goroutines and Ms are each runtime's own: the same one may be there twice. */
export const image = text.describe(
  'path of the executable or library whose Go runtime it belongs to, one of `go.images`; null: there is one runtime alone, or none on this thread',
)

/** One of some words; what each says goes into the published schema. */
export function oneOf<Word extends string>(meanings: Readonly<Record<Word, string>>) {
  return z.enum(Object.keys(meanings) as Word[]).meta({meanings})
}

type Data = null | boolean | number | string | Data[] | {[field: string]: Data}

/** Any JSON: a schema that says more would have to name itself. */
const dataSchema = z.unknown() as z.ZodType<Data>

export const variableSchema = z
  .strictObject({
    name: text.describe(
      'as in the source; null: the compiler gave it none, or only the tables of the runtime describe it: an argument of Go without DWARF, in their order',
    ),
    kind: oneOf({
      argument: 'a parameter of the function, or in Go a result',
      local: 'any other variable in whose scope the place in the code is',
    }).describe('what it is of the function'),
    type: text.describe(
      'its type, as the language of the source writes it; `arguments and results`: the words of both, which Go up to 1.16 does not tell apart; null: not known',
    ),
    value: z.string().describe('as text: C as gdb, Go as Delve writes it; the text of `state` where there is none'),
    structured: dataSchema.describe(
      'as data: numbers (as text where a double would round them), texts, lists, objects by field; a pointer is `{pointer}` with what is known of its target',
    ),
    address: address.describe('where in memory it begins; null: it is not in memory'),
    register: text.describe('the register that it is in; null: it is in none, or in several places'),
    state: oneOf(VARIABLE_STATES).describe('what became of it; of a value in parts, the worst of them'),
  })
  .meta({id: 'variable', description: 'a parameter or a local variable of a frame'})

export const sourceSchema = z
  .strictObject({
    state: oneOf({
      found: 'its content is that of the program, as far as anything tells',
      newer: 'it was written to after the program or the core: its lines may be others',
      mismatch: 'a file of another content; no lines of it are shown',
      'not-found': 'no file',
    }).describe('what is known of the file'),
    file: text.describe('the file that was looked at, on the machine of the report; null: none'),
    origin: oneOf({
      path: 'at the path that the compiler knew, below the sysroot if there is one',
      'source-dir': 'where `--source-dir` says',
      goroot: 'in a copy of the same Go release',
      'module-cache': 'in the module cache of Go, by module and version',
      debuginfod: 'from a debuginfod server, by build ID',
    })
      .nullable()
      .describe('how the file was found; null: it was not'),
    start: count.describe('number of the first of `lines`; null: there are none'),
    lines: z.array(z.string()).describe('the lines around `line` of the frame, without their ends; long ones are cut'),
  })
  .meta({id: 'source', description: 'the lines of the source around a frame'})

export const frameSchema = z
  .strictObject({
    kind: oneOf({
      go: 'a Go function',
      c: 'C, C++, Rust or assembly',
      signal: 'what the kernel put on the stack to call a signal handler',
      switch: 'code of the Go runtime that changes from one stack to another; the text leaves it out',
      unknown: 'Go or C: without function tables nothing tells',
    }).describe('what it belongs to'),
    function: text.describe('its name, as Go prints it; C++ and Rust names demangled'),
    file: text.describe('source file, as the compiler knew it'),
    line: count.describe('line in `file`'),
    column: count.describe('column in `line`; Go keeps none'),
    pc: address.describe('the instruction; of a frame that called another one, the one that follows the call'),
    entry: address.describe('start of the function; null for inlined Go too'),
    offset: address.describe('`pc` - `entry`; null at the start of a function and for inlined frames too'),
    sp: address.describe('stack pointer; null too for frames of which Go saved the pc alone'),
    fp: address.describe('the canonical frame address (CFA): the stack pointer before the call of the function'),
    args: text.describe('what Go prints between the parentheses; null for C and for inlined frames'),
    inlined: z.boolean().describe('it has no frame of its own: its code is a part of the next frame of the list'),
    module: text.describe('path of the executable or library that the code belongs to, as the process had it'),
    moduleOffset: address.describe('`pc` counted from the start of `module`: the same in each run'),
    language: text.describe('of the source: `Go`, else in the words of DWARF: `c`, `c++`, `rust`, …'),
    foundBy: oneOf(FOUND_BY)
      .nullable()
      .describe('how the frame was found; null: not by a walk, for Go keeps the stacks of ancestors as lists'),
    variables: z
      .array(variableSchema)
      .nullable()
      .optional()
      .describe(
        'its parameters and variables, as far as the debug information describes them, else the arguments of a Go function as far as the tables of the runtime do; null: nothing describes them; left out without `--values`',
      ),
    source: sourceSchema
      .optional()
      .describe('with `--source` alone, and there of the top frames of the crash that tell something of it'),
  })
  .meta({id: 'frame', description: 'one function on a stack'})

export const stopReasonSchema = oneOf(STOP_REASONS).meta({
  id: 'stopReason',
  description: 'why the walk of a stack ended; anything but `end-of-stack` means that outer frames are missing',
})

export const missingReasonSchema = oneOf(MISSING_REASONS).meta({
  id: 'missingReason',
  description: 'why frames are missing in a stack, at its end or further in',
})

export const missingFramesSchema = z
  .array(
    z.strictObject({
      after: z.number().int().describe('how many frames of the list come before the gap'),
      reason: missingReasonSchema.describe('why'),
    }),
  )
  .describe('where frames are missing: after frames[after - 1]')

export const elidedSchema = z
  .strictObject({
    after: z.number().int().describe('how many frames of the list come before the gap'),
    count: count.describe('how many were left out; null: the runtime of that release does not say'),
  })
  .nullable()
  .describe('frames left out after frames[after - 1], for there are too many; null: none')

export const createdBySchema = z
  .strictObject({
    function: text.describe('the Go function'),
    file: text.describe('its source file'),
    line: count.describe('line in `file`'),
    offset: address.describe('of the instruction from the start of the function; null where Go prints none'),
    goroutine: count.describe('ID of the goroutine that ran it; null too before Go 1.21, which keeps none'),
  })
  .meta({id: 'createdBy', description: 'a line of Go: of a `go` statement, or of a call into C'})

export const registersSchema = z.record(z.string(), hexString).meta({id: 'registers', description: 'registers by name'})

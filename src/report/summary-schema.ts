import {z} from 'zod'
import {address, count, image, oneOf, text} from './stack-schema.ts'

/** What a person wants to know first. All of it stands elsewhere in the report too, in more detail. */

export const placeSchema = z
  .strictObject({
    kind: oneOf({
      go: 'the top Go frame',
      c: 'the top frame of C, C++ or Rust',
      unknown: 'the code that faulted, where nothing tells whose it is',
    }).describe('which of them it is'),
    function: text.describe('its name; null: nothing names it'),
    file: text.describe('source file, as the compiler knew it'),
    line: count.describe('line in `file`'),
    module: text.describe('path of the executable or library that it belongs to'),
    moduleOffset: address.describe('place in `module`'),
    firstParty: z
      .boolean()
      .describe(
        'code of the program itself; false: every such frame belongs to a system library or to the Go runtime, or has no name',
      ),
    goroutine: count.describe('whose stack it is on; null: on that of a thread without one'),
    guessed: z.boolean().describe('a scan of the stack found it: it may be left over from an earlier call'),
  })
  .meta({id: 'place', description: 'where the process died'})

export const summarySchema = z
  .strictObject({
    what: z.string().describe('what died and why, in one sentence; `not crashed` opens that of a living process'),
    where: z
      .array(placeSchema)
      .describe(
        'the top first-party frame of C and of Go on the stack of the crash, the inner one first; before them what faulted, where nothing tells whose code that is; of goroutine 1, where the process stood still',
      ),
    who: z
      .strictObject({
        program: text.describe('path of the program, as the process had it'),
        version: text.describe('of the main module; null: a build without one (`(devel)`), or not known'),
        revision: text.describe('the commit it was built from (`vcs.revision`)'),
        modified: z.boolean().nullable().describe('with changes beside that commit (`vcs.modified`); null: not known'),
        goVersion: text.describe(
          'release that built it; where a Go library died that the program had loaded, the release that built that',
        ),
        crashedAt: text.describe('as in `core.origin.time`'),
        thread: count.describe('kernel thread ID of the one that crashed; null: none did'),
        image,
        goroutine: count.describe('the goroutine that crashed; null: none did'),
        threads: z.number().int().describe('how many threads'),
        goroutines: count.describe('how many goroutines, without those of the runtime itself; null: no Go runtime'),
        inC: count.describe('how many of them are in a call of C; null: no Go runtime'),
        systemAmong: z
          .boolean()
          .describe(
            'goroutines of the runtime itself may be among them: the functions that they started in are not known',
          ),
        atLeast: z
          .boolean()
          .describe(
            'goroutines were searched for, or a part of their list or of that of the Ms is lost: there may be more, and more in C',
          ),
      })
      .describe('which process, and what of it'),
    waits: z
      .array(z.string())
      .describe(
        'deadlocks, locks with their owners, and what the process waited for, where that tells why it stood still',
      ),
    missing: z
      .strictObject({
        what: z.string().describe('what is missing, in one sentence'),
        command: text.describe('the command or step that helps most; null: nothing does'),
      })
      .nullable()
      .describe('the one thing that would tell most if it were there; null: nothing is missing'),
    signature: z
      .strictObject({exact: text.describe('as in `signature`'), family: text.describe('as in `signature`')})
      .describe('what makes two crashes the same bug'),
  })
  .meta({id: 'summary', description: 'what a person wants to know first'})

import {toAddress} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {GoRuntime} from '../../runtime-model/go-runtime.ts'
import type {PanicRecord} from '../../runtime-model/panic-record.ts'

/** What a panic was raised with. */
export interface PanicValue {
  /** As %T shows it; null where that is not known. */
  readonly type: string | null
  /** What the runtime printed of it; null where it is not in the core. */
  readonly text: string | null
}

/**
 * The panics of a goroutine, the newest first. By the time that they are printed errors and Stringers have become
 * strings (runtime.preprintpanics): of the newest one the argument of gopanic, which it keeps on its frame, still tells
 * the type. Of one that was raised again only the older one is printed, and made a string (1.25+).
 */
export function readPanicValues(
  images: readonly {readonly runtime: Pick<GoRuntime, 'typeAt'> | undefined}[],
  panics: readonly Pick<PanicRecord, 'value' | 'goexit' | 'repanicked'>[],
  frames: readonly FrameReport[],
): PanicValue[] {
  const raised = frames.find(({kind, function: name}) => kind === 'go' && name === 'panic')
  const word = Number(/^\{?(0x[0-9a-f]{1,12})\b/.exec(raised?.args ?? '')?.[1] ?? Number.NaN)
  const types = word > 0 ? images.map(({runtime}) => runtime?.typeAt(toAddress(word))) : []
  const given = types.find(Boolean)?.name
  return panics
    .filter(({goexit}, at) => !goexit && !panics[at + 1]?.repanicked)
    .map(({value}, depth) => {
      const ofArgument = depth === 0 && value.isString ? given : undefined
      // Whether a string is what it was raised with cannot be told of the others.
      const own = value.isString && depth > 0 ? undefined : value.typeName
      return {type: ofArgument ?? own ?? null, text: value.text ?? null}
    })
}

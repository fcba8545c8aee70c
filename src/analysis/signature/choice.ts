import {type Address, toAddress} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'
import {cPlumbing, goPlumbing} from '../frames/irrelevant-frames.ts'
import type {CodeFacts} from './code-facts.ts'
import type {SignatureRules} from './rules.ts'

/** What became of a frame of the stack. */
export interface Choice {
  readonly frame: FrameReport
  readonly kind: 'go' | 'c'
  /** Its pc is where it was, not where a call returns to. */
  readonly isExact: boolean
  /** As the signature has it; undefined: nothing names it. */
  name: string | undefined
  /** Why it is written in another way. */
  folded: string | undefined
  /** Why it is left out. */
  out: string | undefined
  /** Why it does not name the family. */
  prefix: string | undefined
  /** Part of a library that counts as one frame. */
  inside: string | undefined
  /** Part of it by the file that it is in, or by the way it was called. */
  isOfSystem: boolean
  /** Its caller, in Go or in another file, knows it by this name, whether its own file has symbols or not. */
  isCalledByName: boolean
  /** Why its name is shown, but not signed. */
  hidden: string | undefined
  /** What stands for its function in the signature where no other file knows the name: its code. */
  code: string | undefined
  /** It is that function, or inlined in it. */
  isOfCode: boolean
  /** A function of C that came with the program, whether it is signed by its code or by the name it was called by. */
  isOfProgram: boolean
  /** It may stand in where no other is left: it says where the process was, not how it died. */
  standsIn: boolean
}

/** Start of the function that a frame is in. */
export function startOf({frame, isExact}: Choice, code: CodeFacts): Address | undefined {
  const place = placeOf(frame.pc)
  if (place === undefined) return undefined
  return code.functionStart(isExact ? place : toAddress(place - 1))
}

export function placeOf(pc: string | null): Address | undefined {
  const number = pc === null ? Number.NaN : Number(pc)
  return Number.isSafeInteger(number) && number > 0 ? toAddress(number) : undefined
}

/** Why a function, by its given and its folded name, does not tell one bug from another. */
export function irrelevance(kind: 'go' | 'c', given: string, name: string, rules: SignatureRules): string | undefined {
  const plumbing = kind === 'go' ? goPlumbing(given) : (cPlumbing(given) ?? cPlumbing(name))
  return plumbing ?? rules.reason('irrelevant', kind, given) ?? rules.reason('irrelevant', kind, name)
}

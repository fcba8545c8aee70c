import {DWARF_REGISTER, REGISTER_COUNT} from '../amd64/registers.ts'

/** How the canonical frame address (the caller's rsp after the return) is computed. */
export type CfaRule =
  | {readonly kind: 'register'; readonly register: number; readonly offset: number}
  | {readonly kind: 'expression'; readonly expression: Uint8Array}

/** How one register of the caller is recovered (DWARF 5, 6.4.1). Kinds are named by their formula. */
export type RegisterRule =
  /** The callee destroyed it. For rip: there is no caller. */
  | {readonly kind: 'undefined'}
  | {readonly kind: 'same'}
  /** The word at CFA + offset. */
  | {readonly kind: 'at-cfa'; readonly offset: number}
  /** CFA + offset itself. */
  | {readonly kind: 'cfa'; readonly offset: number}
  /** Another register's value, plus an offset. */
  | {readonly kind: 'register'; readonly register: number; readonly offset: number}
  /** The word at the address that the expression computes. */
  | {readonly kind: 'at-expression'; readonly expression: Uint8Array}
  /** What the expression computes. */
  | {readonly kind: 'expression'; readonly expression: Uint8Array}

/**
 * The unwind rules at one pc, whatever their origin: CFI, Go's pcsp table, a frame pointer, a signal frame.
 * `rules` has one slot for each DWARF register; an empty slot follows `unruled`, and rsp's empty slot means the CFA.
 */
export interface UnwindRow {
  readonly cfa: CfaRule
  readonly rules: readonly (RegisterRule | undefined)[]
  /**
   * Registers without a rule: all keep their value, though of those that the ABI lets a function change it is only
   * supposed, or nothing is known of any.
   */
  readonly unruled: 'kept' | 'unknown'
}

const UNDEFINED: RegisterRule = {kind: 'undefined'}

/** Where a call puts it: right below the frame that it makes. */
export const RETURN_ADDRESS: Readonly<Record<number, RegisterRule>> = {
  [DWARF_REGISTER.rip]: {kind: 'at-cfa', offset: -8},
}

/** A row from the few rules that are not empty. */
export function makeRow(
  cfa: CfaRule,
  rules: Readonly<Record<number, RegisterRule>>,
  unruled: UnwindRow['unruled'] = 'kept',
): UnwindRow {
  const slots: (RegisterRule | undefined)[] = new Array(REGISTER_COUNT).fill(undefined)
  for (const [register, rule] of Object.entries(rules)) slots[Number(register)] = rule
  slots[DWARF_REGISTER.rip] ??= UNDEFINED
  return {cfa, rules: slots, unruled}
}

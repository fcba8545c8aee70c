import {DWARF_REGISTER, REGISTER_COUNT} from '../amd64/registers.ts'
import type {Cursor} from '../base/cursor.ts'
import type {CfaRule, RegisterRule, UnwindRow} from './unwind-row.ts'

/** What the program of an FDE needs of its CIE. */
export interface CfiProgramParameters {
  readonly codeAlignment: number
  readonly dataAlignment: number
  readonly returnAddressRegister: number
  readonly initialInstructions: Cursor
  readonly instructions: Cursor
  /** The link address at which the FDE's first row starts. */
  readonly start: number
  /** Reads the operand of DW_CFA_set_loc in the CIE's pointer encoding. */
  readonly readLocation: (program: Cursor) => number
}

/** DWARF 5, 7.24 (table 7.29); the last block are GNU's and MIPS's (LSB 5, 10.6.1.1). */
const DW_CFA = {
  advance_loc: 1,
  offset: 2,
  restore: 3,
  nop: 0x00,
  set_loc: 0x01,
  advance_loc1: 0x02,
  advance_loc2: 0x03,
  advance_loc4: 0x04,
  offset_extended: 0x05,
  restore_extended: 0x06,
  undefined: 0x07,
  same_value: 0x08,
  register: 0x09,
  remember_state: 0x0a,
  restore_state: 0x0b,
  def_cfa: 0x0c,
  def_cfa_register: 0x0d,
  def_cfa_offset: 0x0e,
  def_cfa_expression: 0x0f,
  expression: 0x10,
  offset_extended_sf: 0x11,
  def_cfa_sf: 0x12,
  def_cfa_offset_sf: 0x13,
  val_offset: 0x14,
  val_offset_sf: 0x15,
  val_expression: 0x16,
  MIPS_advance_loc8: 0x1d,
  GNU_window_save: 0x2d,
  GNU_args_size: 0x2e,
  GNU_negative_offset_extended: 0x2f,
} as const

/** Depth of DW_CFA_remember_state; compilers nest a handful. */
const REMEMBER_LIMIT = 256

interface State {
  cfa: CfaRule | undefined
  rules: (RegisterRule | undefined)[]
}

/** Executes call frame instructions up to one address (DWARF 5, 6.4.3). */
class CfiProgram {
  readonly #parameters: CfiProgramParameters
  readonly #target: number
  #location: number
  #state: State = {cfa: undefined, rules: emptyRules()}
  #initialRules: readonly (RegisterRule | undefined)[] = emptyRules()
  readonly #remembered: State[] = []

  constructor(parameters: CfiProgramParameters, target: number) {
    this.#parameters = parameters
    this.#target = target
    this.#location = parameters.start
  }

  run(): UnwindRow {
    const {initialInstructions, instructions, returnAddressRegister} = this.#parameters
    this.#execute(initialInstructions)
    this.#initialRules = [...this.#state.rules]
    this.#execute(instructions)
    const {cfa, rules} = this.#state
    if (!cfa) throw instructions.error('no rule for the CFA')
    const slots = rules.slice(0, REGISTER_COUNT)
    slots[DWARF_REGISTER.rip] = rules[returnAddressRegister] ?? {kind: 'undefined'}
    return {cfa, rules: slots, unruled: 'kept'}
  }

  /** Stops where the location passes the target: the row in force is then complete. */
  #execute(program: Cursor): void {
    while (!program.atEnd && this.#location <= this.#target) {
      const byte = program.u8()
      const operand = byte % 0x40
      switch (Math.floor(byte / 0x40)) {
        case DW_CFA.advance_loc:
          this.#advance(operand * this.#parameters.codeAlignment)
          break
        case DW_CFA.offset:
          this.#setRule(operand, {kind: 'at-cfa', offset: program.uleb128() * this.#parameters.dataAlignment})
          break
        case DW_CFA.restore:
          this.#setRule(operand, this.#initialRules[operand])
          break
        default:
          if (!this.#executeLocation(byte, program) && !this.#executeCfa(byte, program)) {
            this.#executeRegister(byte, program)
          }
      }
    }
  }

  #advance(delta: number): void {
    this.#location += delta
  }

  #executeLocation(opcode: number, program: Cursor): boolean {
    const {codeAlignment, readLocation} = this.#parameters
    switch (opcode) {
      case DW_CFA.nop:
      case DW_CFA.GNU_window_save:
        return true
      case DW_CFA.set_loc:
        this.#location = readLocation(program)
        return true
      case DW_CFA.advance_loc1:
        this.#advance(program.u8() * codeAlignment)
        return true
      case DW_CFA.advance_loc2:
        this.#advance(program.u16() * codeAlignment)
        return true
      case DW_CFA.advance_loc4:
        this.#advance(program.u32() * codeAlignment)
        return true
      case DW_CFA.MIPS_advance_loc8:
        this.#advance(program.u64() * codeAlignment)
        return true
      case DW_CFA.GNU_args_size:
        program.uleb128()
        return true
      case DW_CFA.remember_state:
        this.#remember(program)
        return true
      case DW_CFA.restore_state:
        this.#recall(program)
        return true
      default:
        return false
    }
  }

  #remember(program: Cursor): void {
    if (this.#remembered.length >= REMEMBER_LIMIT) throw program.error('DW_CFA_remember_state nested too deep')
    this.#remembered.push({cfa: this.#state.cfa, rules: [...this.#state.rules]})
  }

  /** The CFA rule is part of the state, as all producers and consumers on amd64 have it. */
  #recall(program: Cursor): void {
    const state = this.#remembered.pop()
    if (!state) throw program.error('DW_CFA_restore_state without DW_CFA_remember_state')
    this.#state = state
  }

  #executeCfa(opcode: number, program: Cursor): boolean {
    const {dataAlignment} = this.#parameters
    switch (opcode) {
      case DW_CFA.def_cfa: {
        const register = program.uleb128()
        this.#state.cfa = {kind: 'register', register, offset: program.uleb128()}
        return true
      }
      case DW_CFA.def_cfa_sf: {
        const register = program.uleb128()
        this.#state.cfa = {kind: 'register', register, offset: program.sleb128() * dataAlignment}
        return true
      }
      case DW_CFA.def_cfa_register: {
        const register = program.uleb128()
        this.#state.cfa = {kind: 'register', register, offset: this.#cfaRegisterRule(program).offset}
        return true
      }
      case DW_CFA.def_cfa_offset: {
        const offset = program.uleb128()
        this.#state.cfa = {...this.#cfaRegisterRule(program), offset}
        return true
      }
      case DW_CFA.def_cfa_offset_sf: {
        const offset = program.sleb128() * dataAlignment
        this.#state.cfa = {...this.#cfaRegisterRule(program), offset}
        return true
      }
      case DW_CFA.def_cfa_expression:
        this.#state.cfa = {kind: 'expression', expression: program.take(program.uleb128())}
        return true
      default:
        return false
    }
  }

  #cfaRegisterRule(program: Cursor): CfaRule & {kind: 'register'} {
    const cfa = this.#state.cfa
    if (cfa?.kind !== 'register') throw program.error('the CFA has no register and offset to change')
    return cfa
  }

  #executeRegister(opcode: number, program: Cursor): void {
    const register = program.uleb128()
    this.#setRule(register, this.#readRule(opcode, register, program))
  }

  #readRule(opcode: number, register: number, program: Cursor): RegisterRule | undefined {
    const {dataAlignment} = this.#parameters
    switch (opcode) {
      case DW_CFA.offset_extended:
        return {kind: 'at-cfa', offset: program.uleb128() * dataAlignment}
      case DW_CFA.offset_extended_sf:
        return {kind: 'at-cfa', offset: program.sleb128() * dataAlignment}
      case DW_CFA.GNU_negative_offset_extended:
        return {kind: 'at-cfa', offset: -program.uleb128() * dataAlignment}
      case DW_CFA.restore_extended:
        return this.#initialRules[register]
      case DW_CFA.undefined:
        return {kind: 'undefined'}
      case DW_CFA.same_value:
        return {kind: 'same'}
      case DW_CFA.register:
        return {kind: 'register', register: program.uleb128(), offset: 0}
      case DW_CFA.val_offset:
        return {kind: 'cfa', offset: program.uleb128() * dataAlignment}
      case DW_CFA.val_offset_sf:
        return {kind: 'cfa', offset: program.sleb128() * dataAlignment}
      case DW_CFA.expression:
        return {kind: 'at-expression', expression: program.take(program.uleb128())}
      case DW_CFA.val_expression:
        return {kind: 'expression', expression: program.take(program.uleb128())}
      default:
        throw program.error(`unknown call frame instruction 0x${opcode.toString(16)}`)
    }
  }

  /** Vector, mask and segment registers have no part in finding the caller: their rules are read and dropped. */
  #setRule(register: number, rule: RegisterRule | undefined): void {
    if (register < REGISTER_COUNT || register === this.#parameters.returnAddressRegister) {
      this.#state.rules[register] = rule
    }
  }
}

function emptyRules(): (RegisterRule | undefined)[] {
  return new Array(REGISTER_COUNT).fill(undefined)
}

/**
 * The row in force at `target`, a link address within the FDE.
 * @throws FormatError for a malformed program
 */
export function runCfiProgram(parameters: CfiProgramParameters, target: number): UnwindRow {
  return new CfiProgram(parameters, target).run()
}

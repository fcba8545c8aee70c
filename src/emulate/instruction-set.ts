import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {ARITHMETIC} from './arithmetic.ts'
import {BITS} from './bits.ts'
import {type Crossing, JUMPS} from './jumps.ts'
import {MOVES} from './moves.ts'
import type {Execute} from './operands.ts'
import {PRODUCTS} from './products.ts'
import {SHIFTS} from './shifts.ts'
import {STRINGS} from './strings.ts'
import {VECTOR_FLOATS} from './vector-floats.ts'
import {VECTOR_INTEGERS} from './vector-integers.ts'
import {MASK_RESULTS, VECTOR_MASKS} from './vector-masks.ts'
import {VECTOR_MOVES} from './vector-moves.ts'
import {VECTOR_SHUFFLES} from './vector-shuffles.ts'
import {VECTOR_TEXT} from './vector-text.ts'

type Compile = (instruction: DecodedInstruction) => Execute

const GENERAL: ReadonlyMap<string, Compile> = new Map(
  [ARITHMETIC, MOVES, SHIFTS, PRODUCTS, BITS, STRINGS].flatMap(table => Object.entries(table)),
)

const VECTORS: ReadonlyMap<string, Compile> = new Map(
  [VECTOR_INTEGERS, VECTOR_SHUFFLES, VECTOR_MOVES, VECTOR_MASKS, VECTOR_FLOATS, VECTOR_TEXT].flatMap(table =>
    Object.entries(table),
  ),
)

const INTO_MASKS: ReadonlyMap<string, Compile> = new Map(Object.entries(MASK_RESULTS))
const CROSSINGS: ReadonlyMap<string, (instruction: DecodedInstruction, crossing: Crossing) => Execute> = new Map(
  Object.entries(JUMPS),
)

/** How an instruction is carried out; undefined: it is not emulated. */
export function compileInstruction(instruction: DecodedInstruction, crossing: Crossing): Execute | undefined {
  const jump = CROSSINGS.get(instruction.mnemonic)
  try {
    return jump ? jump(instruction, crossing) : findCompile(instruction)?.(instruction)
  } catch (error) {
    // A form of it with operands that nobody reckoned with.
    if (error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

function findCompile(instruction: DecodedInstruction): Compile | undefined {
  const {mnemonic, operands, encoding} = instruction
  if (operands.some(({kind}) => kind === 'vector' || kind === 'mask')) return findVector(mnemonic, operands[0]?.kind)
  if (encoding !== 'legacy' && mnemonic.startsWith('v')) return VECTORS.get(mnemonic.slice(1))
  return GENERAL.get(mnemonic) ?? VECTORS.get(mnemonic)
}

/** The newer encodings put a `v` before the name; k registers' names begin with a `k`. */
function findVector(mnemonic: string, first: string | undefined): Compile | undefined {
  const name = mnemonic.startsWith('v') ? mnemonic.slice(1) : mnemonic
  return first === 'mask' && name.startsWith('p') ? INTO_MASKS.get(name) : VECTORS.get(name)
}

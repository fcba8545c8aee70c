import type {DecodedInstruction} from '../amd64/decoded-instruction.ts'
import {arithmetic} from './arithmetic.ts'
import {bitOperations} from './bits.ts'
import {type Crossing, jumps} from './jumps.ts'
import {moves} from './moves.ts'
import type {Execute} from './operands.ts'
import {products} from './products.ts'
import {shifts} from './shifts.ts'
import {stringOperations} from './strings.ts'
import {vectorFloats} from './vector-floats.ts'
import {vectorIntegers} from './vector-integers.ts'
import {maskResults, vectorMasks} from './vector-masks.ts'
import {vectorMoves} from './vector-moves.ts'
import {vectorShuffles} from './vector-shuffles.ts'
import {vectorText} from './vector-text.ts'

type Compile = (instruction: DecodedInstruction) => Execute
type Table<T> = Readonly<Record<string, T>>

function join<T>(...tables: readonly Table<T>[]): ReadonlyMap<string, T> {
  return new Map(tables.flatMap(table => Object.entries(table)))
}

/** Every instruction that is emulated, by its name. Most runs need none of them: the tables are made with it. */
export class InstructionSet {
  readonly #jumps = join(jumps())
  readonly #general = join(arithmetic(), moves(), shifts(), products(), bitOperations(), stringOperations())
  readonly #vectors = join(
    vectorIntegers(),
    vectorShuffles(),
    vectorMoves(),
    vectorMasks(),
    vectorFloats(),
    vectorText(),
  )
  readonly #intoMasks = join(maskResults())

  /** How an instruction is carried out; undefined: it is not emulated. */
  compile(instruction: DecodedInstruction, crossing: Crossing): Execute | undefined {
    const jump = this.#jumps.get(instruction.mnemonic)
    try {
      return jump ? jump(instruction, crossing) : this.#find(instruction)?.(instruction)
    } catch (error) {
      // A form of it with operands that nobody reckoned with.
      if (error instanceof TypeError || error instanceof RangeError) return undefined
      throw error
    }
  }

  #find(instruction: DecodedInstruction): Compile | undefined {
    const {mnemonic, operands, encoding} = instruction
    if (operands.some(({kind}) => kind === 'vector' || kind === 'mask')) {
      return this.#findVector(mnemonic, operands[0]?.kind)
    }
    if (encoding !== 'legacy' && mnemonic.startsWith('v')) return this.#vectors.get(mnemonic.slice(1))
    return this.#general.get(mnemonic) ?? this.#vectors.get(mnemonic)
  }

  /** The newer encodings put a `v` before the name; k registers' names begin with a `k`. */
  #findVector(mnemonic: string, first: string | undefined): Compile | undefined {
    const name = mnemonic.startsWith('v') ? mnemonic.slice(1) : mnemonic
    return first === 'mask' && name.startsWith('p') ? this.#intoMasks.get(name) : this.#vectors.get(name)
  }
}

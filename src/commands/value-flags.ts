import {Flags, type Interfaces} from '@oclif/core'
import type {ValueOptions} from '../analysis/values/frame-values.ts'
import {DEFAULT_VALUE_LIMITS} from '../analysis/values/limits.ts'

const {depth, elements, bytes} = DEFAULT_VALUE_LIMITS

/** Flags of the commands that show what the frames of stacks held. */
export const valueFlags = {
  values: Flags.option({
    options: ['args', 'all'] as const,
    description: 'the variables of each frame, below it: its arguments alone, or (--values alone) all of them',
    exclusive: ['redact'],
  })(),
  'value-depth': Flags.integer({
    description: 'how many structs within a struct are shown of a variable',
    helpValue: 'N',
    min: 0,
    max: 32,
    default: depth,
  }),
  'value-elements': Flags.integer({
    description: 'how many elements are shown of an array, a slice, a map',
    helpValue: 'N',
    min: 0,
    max: 100_000,
    default: elements,
  }),
  'value-bytes': Flags.integer({
    description: 'how many bytes are shown of a text',
    helpValue: 'N',
    min: 0,
    max: 1_000_000,
    default: bytes,
  }),
}

type ValueFlags = Interfaces.InferredFlags<typeof valueFlags>

/** undefined: no variables are asked for. */
export function valueOptions(flags: ValueFlags): ValueOptions | undefined {
  if (flags.values === undefined) return undefined
  const limits = {depth: flags['value-depth'], elements: flags['value-elements'], bytes: flags['value-bytes']}
  return {choice: flags.values, limits}
}

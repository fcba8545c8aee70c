import {InputError} from '../base/errors.ts'
import {growHeapSlowly, MANY} from '../base/heap-growth.ts'
import {EMPTY_LIST, Numbering, PrefixTree} from '../base/prefix-tree.ts'
import type {DumpedFrame, DumpedStack} from './dumped-stack.ts'

/** Different stacks of one dump that are held: more than any process has had. */
const STACKS_MAX = 2_000_000
/** Of all those stacks. */
const FRAMES_MAX = 16_000_000
/** IDs that are kept of the goroutines with one stack. */
const IDS_KEPT = 20

/** The stacks of one dump, a million of them in some 200 MB: a frame is a number, and outer frames are shared. */
export class DumpedStacks implements Iterable<DumpedStack> {
  readonly #path: string
  readonly #lists = new PrefixTree()
  readonly #frames = new Numbering<DumpedFrame>()
  readonly #texts = new Numbering<string>()
  readonly #stacks: (HeldStack | undefined)[] = []

  /** @param path of the dump, for what is said of it */
  constructor(path: string) {
    this.#path = path
  }

  /**
   * @returns its index
   * @throws InputError where there are more than a process can have
   */
  add(stack: DumpedStack): number {
    if (this.#stacks.length >= STACKS_MAX || this.#lists.size >= FRAMES_MAX) {
      const message = `${this.#path}: more than ${STACKS_MAX} stacks, or ${FRAMES_MAX} different frames on them`
      throw new InputError('too-large', message, 'compare smaller dumps')
    }
    if (this.#stacks.length === MANY) growHeapSlowly()
    return this.#stacks.push(this.#hold(stack)) - 1
  }

  /** Puts another stack in the place of one; undefined: none. */
  replace(index: number, stack: DumpedStack | undefined): void {
    this.#stacks[index] = stack && this.#hold(stack)
  }

  *[Symbol.iterator](): Generator<DumpedStack> {
    for (const stack of this.#stacks) if (stack) yield stack
  }

  #hold(stack: DumpedStack): HeldStack {
    let list = EMPTY_LIST
    for (let index = stack.frames.length - 1; index >= 0; index--) {
      const frame = stack.frames[index]
      if (frame) list = this.#lists.append(list, this.#numberOf(frame))
    }
    return new HeldStack(this, list, stack, {
      state: this.#textOf(stack.state),
      createdBy: this.#textOf(stack.createdBy),
    })
  }

  /** The frames of a list, innermost first. */
  framesOf(list: number): DumpedFrame[] {
    return Array.from(this.#lists.backwards(list), number => this.#frames.values[number] as DumpedFrame)
  }

  #numberOf(frame: DumpedFrame): number {
    const {function: name, file, line, isC} = frame
    const key = `${name}\n${file}\n${line}\n${isC}`
    return this.#frames.numberOf(key, () => ({function: detached(name), file: detached(file), line, isC}))
  }

  /** One text for all that are equal. */
  #textOf(text: string | null): string | null {
    return text === null ? null : (this.#texts.values[this.#texts.numberOf(text, () => detached(text))] ?? null)
  }
}

class HeldStack implements DumpedStack {
  readonly count: number
  readonly state: string | null
  readonly createdBy: string | null
  readonly isPartial: boolean
  readonly cutAfter: number | null
  readonly #holder: DumpedStacks
  readonly #list: number
  /** One alone, as most have in a dump of very many, needs no list. */
  readonly #goroutines: number | readonly number[]

  constructor(
    holder: DumpedStacks,
    list: number,
    {count, goroutines, isPartial, cutAfter}: DumpedStack,
    {state, createdBy}: Pick<DumpedStack, 'state' | 'createdBy'>,
  ) {
    this.#holder = holder
    this.#list = list
    this.count = count
    const [first] = goroutines
    this.#goroutines = goroutines.length === 1 && first !== undefined ? first : goroutines.slice(0, IDS_KEPT)
    this.state = state
    this.createdBy = createdBy
    this.isPartial = isPartial
    this.cutAfter = cutAfter
  }

  get goroutines(): readonly number[] {
    return typeof this.#goroutines === 'number' ? [this.#goroutines] : this.#goroutines
  }

  get frames(): readonly DumpedFrame[] {
    return this.#holder.framesOf(this.#list)
  }
}

/** A text of its own: V8 keeps the whole text that another one was cut out of. */
function detached<T extends string | null>(text: T): T {
  return (text === null ? null : Buffer.from(text).toString()) as T
}

import {Column} from '../base/column.ts'
import {InputError} from '../base/errors.ts'
import {growHeapSlowly, MANY} from '../base/heap-growth.ts'
import {EMPTY_LIST, Numbering, PrefixTree} from '../base/prefix-tree.ts'
import type {DumpedFrame, DumpedStack, StackList} from './dumped-stack.ts'

/** Different stacks of one dump that are held: more than any process has had. */
const STACKS_MAX = 2_000_000
/** Of all those stacks; outer ones that are the same count once. */
const FRAMES_MAX = 4_000_000
/** Different functions on different lines: a program has more, but no process stands in so many of them. */
const PLACES_MAX = 200_000
/** Characters of their names and files, and of what else is told of stacks. */
const TEXT_MAX = 32 * 1024 * 1024
/** IDs that are kept of the goroutines with one stack. */
const IDS_KEPT = 20

/** In place of a number: there is none. */
const NONE = 2 ** 32 - 1

/**
 * The stacks of one dump, a million of them in some 100 MB: a frame is a number, outer frames are shared, and what is
 * told of a stack stands in columns.
 */
export class DumpedStacks implements StackList {
  readonly #path: string
  readonly #tree = new PrefixTree()
  readonly #frames = new Numbering<DumpedFrame>()
  readonly #texts = new Numbering<string>()
  /** Of the frames; `NONE`: a stack that was taken away. */
  readonly #lists = Column.ofUint32()
  readonly #counts = Column.ofNumbers()
  readonly #states = Column.ofUint32()
  readonly #creators = Column.ofUint32()
  /** One more than where the dump leaves out frames; 0: it leaves out none. */
  readonly #cuts = Column.ofUint32()
  readonly #partial = Column.ofUint32()
  /** Most stacks of very many are those of one goroutine. */
  readonly #firstIds = Column.ofNumbers()
  readonly #otherIds = new Map<number, readonly number[]>()
  #textLength = 0

  /** @param path of the dump, for what is said of it */
  constructor(path: string) {
    this.#path = path
  }

  /**
   * @param stack undefined: one that is not wanted, but counts
   * @returns its index
   * @throws InputError where there are more than a process can have
   */
  add(stack: DumpedStack | undefined): number {
    const index = this.#lists.length
    if (index >= STACKS_MAX) throw this.#tooLarge(`${STACKS_MAX} stacks`)
    if (this.#tree.size >= FRAMES_MAX) throw this.#tooLarge(`${FRAMES_MAX} different frames on its stacks`)
    if (index === MANY) growHeapSlowly()
    this.replace(index, stack)
    return index
  }

  /** Puts another stack in the place of one; undefined: none. */
  replace(index: number, stack: DumpedStack | undefined): void {
    if (stack) this.#hold(index, stack)
    else this.#lists.set(index, NONE)
  }

  *[Symbol.iterator](): Generator<DumpedStack> {
    for (const [, stack] of this.entries()) yield stack
  }

  *entries(): Generator<[number, DumpedStack]> {
    for (let index = 0; index < this.#lists.length; index++) {
      const stack = this.at(index)
      if (stack) yield [index, stack]
    }
  }

  at(index: number): DumpedStack | undefined {
    if (index >= this.#lists.length || this.#lists.at(index) === NONE) return undefined
    const cut = this.#cuts.at(index)
    return {
      count: this.#counts.at(index),
      goroutines: this.#idsOf(index),
      state: this.#textAt(this.#states.at(index)),
      frames: Array.from(this.#tree.backwards(this.#lists.at(index)), each => this.#frames.values[each] as DumpedFrame),
      createdBy: this.#textAt(this.#creators.at(index)),
      isPartial: this.#partial.at(index) === 1,
      cutAfter: cut === 0 ? null : cut - 1,
    }
  }

  #hold(index: number, {count, goroutines, state, frames, createdBy, isPartial, cutAfter}: DumpedStack): void {
    let list = EMPTY_LIST
    for (let place = frames.length - 1; place >= 0; place--) {
      const frame = frames[place]
      if (frame) list = this.#tree.append(list, this.#numberOf(frame))
    }
    this.#lists.set(index, list)
    this.#counts.set(index, count)
    this.#states.set(index, this.#numberOfText(state))
    this.#creators.set(index, this.#numberOfText(createdBy))
    this.#cuts.set(index, cutAfter === null ? 0 : cutAfter + 1)
    this.#partial.set(index, Number(isPartial))
    const [first = Number.NaN, ...others] = goroutines.slice(0, IDS_KEPT)
    this.#firstIds.set(index, first)
    if (others.length > 0) this.#otherIds.set(index, others)
    else this.#otherIds.delete(index)
  }

  #idsOf(index: number): readonly number[] {
    const first = this.#firstIds.at(index)
    return Number.isNaN(first) ? [] : [first, ...(this.#otherIds.get(index) ?? [])]
  }

  #numberOf(frame: DumpedFrame): number {
    const {function: name, file, line, isC} = frame
    const key = `${name}\n${file}\n${line}\n${isC}`
    return this.#frames.numberOf(key, () => {
      const known = this.#frames.values.length
      if (known >= PLACES_MAX) throw this.#tooLarge(`${PLACES_MAX} functions and lines`)
      if (known === MANY) growHeapSlowly()
      return {function: this.#keep(name), file: this.#keep(file), line, isC}
    })
  }

  #numberOfText(text: string | null): number {
    return text === null ? NONE : this.#texts.numberOf(text, () => this.#keep(text))
  }

  #textAt(number: number): string | null {
    return this.#texts.values[number] ?? null
  }

  /** A text of its own: V8 keeps the whole text that another one was cut out of. */
  #keep<T extends string | null>(text: T): T {
    if (text === null) return text
    this.#textLength += text.length
    if (this.#textLength > TEXT_MAX) throw this.#tooLarge(`${TEXT_MAX} characters of different names`)
    return Buffer.from(text).toString() as T
  }

  #tooLarge(what: string): InputError {
    return new InputError('too-large', `${this.#path}: more than ${what}`, 'compare smaller dumps')
  }
}

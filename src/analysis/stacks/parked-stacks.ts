import {type Address, hex, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import type {Finding} from '../../base/finding.ts'
import type {MemoryWindow} from '../../base/memory-window.ts'
import {argsWith} from '../../gosym/arg-info.ts'
import type {FrameReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import type {GoSite, GoSites} from '../../unwind/go-site.ts'
import {type GoFrame, symPcOf} from '../../unwind/goroutine-walk.ts'
import {GO_FRAMES} from '../frames/frame-window.ts'
import {FrameFilter, type FramePlace, type GoFrameReports, type Visibility} from '../frames/go-frames.ts'

/** Places of all stacks together; a program whose goroutines are parked at a few has some hundreds. */
const PLACES_LIMIT = 2 ** 15

/** A frame that is shown: which physical one of its stack it is, from the innermost, and what it has in common. */
interface ShownPlace {
  readonly depth: number
  readonly place: FramePlace
}

/** What stacks have in common that are parked alike: all return addresses. */
export interface ParkedPlace {
  readonly shown: Finding<readonly ShownPlace[]>
}

/** How many frames are shown. */
export function framesAt({shown}: ParkedPlace): number {
  return shown?.length ?? 0
}

/** The arguments of each frame that is shown, with a text for each value that `addValuesAt` gives; null: inlined. */
export function argumentsWith({shown}: ParkedPlace, texts: Iterator<string>): (string | null)[] {
  const next = (): string => texts.next().value ?? ''
  return (shown ?? []).map(({place: {args}}) => args && argsWith(args, next))
}

/** A return address below others: the same frames, innermost first, lead to it. */
class StackPlace implements ParkedPlace {
  readonly pc: Address
  readonly site: GoSite
  readonly frameSize: number
  /** undefined for the innermost frame. */
  readonly callee: StackPlace | undefined
  /** Of a stack that ends here, what is shown; null: not by this means. */
  shown: Finding<readonly ShownPlace[]>
  #caller: StackPlace | undefined
  #others: Map<Address, StackPlace> | undefined

  constructor(pc: Address, site: GoSite, frameSize: number, callee: StackPlace | undefined) {
    this.pc = pc
    this.site = site
    this.frameSize = frameSize
    this.callee = callee
  }

  callerAt(pc: Address): StackPlace | undefined {
    return this.#caller?.pc === pc ? this.#caller : this.#others?.get(pc)
  }

  addCaller(caller: StackPlace): void {
    if (this.#caller) {
      this.#others ??= new Map()
      this.#others.set(caller.pc, caller)
    } else this.#caller = caller
  }
}

/**
 * Stacks of goroutines that are parked, or wait for a processor, with nothing but Go frames on a stack of their own.
 * Thousands are parked at the same few places: which frames are shown, and all but the arguments, is found once for
 * each list of return addresses. Every return address of every stack is read and compared.
 */
export class ParkedStacks {
  readonly #window: MemoryWindow
  readonly #sites: GoSites
  readonly #goFrames: GoFrameReports
  readonly #rules: Visibility
  readonly #framesMax: number
  readonly #innermost = new Map<Address, StackPlace>()
  /** The canonical frame addresses of the stack that was walked last, from the innermost. */
  readonly #fps: Float64Array
  #count = 0

  /** `window`: where `goFrames` reads arguments too. `framesMax`: of one stack. */
  constructor(
    window: MemoryWindow,
    sites: GoSites,
    goFrames: GoFrameReports,
    {rules, framesMax}: {rules: Visibility; framesMax: number},
  ) {
    this.#window = window
    this.#sites = sites
    this.#goFrames = goFrames
    this.#rules = rules
    // More of them the runtime does not print, nor do we.
    this.#framesMax = Math.min(GO_FRAMES, Math.floor(framesMax / 2))
    this.#fps = new Float64Array(this.#framesMax)
  }

  /** The frames of a whole stack, as a walk of it would show them; undefined: it has to be walked. */
  report(goroutine: Goroutine, visibility: Visibility): FrameReport[] | undefined {
    const place = this.find(goroutine, visibility)
    return place?.shown ? this.#fill(place.shown, goroutine.sched.sp) : undefined
  }

  /** Where a whole stack is parked; undefined: it has to be walked. */
  find(goroutine: Goroutine, {level, whole}: Visibility): ParkedPlace | undefined {
    if (whole || level !== this.#rules.level || !isOnItsOwn(goroutine)) return undefined
    const {pc, sp} = goroutine.sched
    this.#window.moveTo(sp, goroutine.stack.hi)
    const outermost = this.#walk(pc, sp)
    if (!outermost) return undefined
    if (outermost.shown === undefined) outermost.shown = this.#show(outermost)
    return outermost.shown ? outermost : undefined
  }

  /** Of the stack that was found last: the values of all arguments that are shown; false where one is missing. */
  addValuesAt({shown}: ParkedPlace, to: string[]): boolean {
    const fps = this.#fps
    for (let index = 0; shown && index < shown.length; index++) {
      const {depth, place} = shown[index] as ShownPlace
      if (place.args && !this.#goFrames.addValuesAt(place.args, fps[depth] as Address, to)) return false
    }
    return true
  }

  /** Of the stack that was found last, which begins at `start`: SP and canonical frame address of each frame shown. */
  addPositionsAt({shown}: ParkedPlace, start: Address, to: string[]): void {
    for (const {depth} of shown ?? []) {
      to.push(hex(depth === 0 ? start : (this.#fps[depth - 1] as Address)), hex(this.#fps[depth] as Address))
    }
  }

  /** The outermost place of a stack that ends as a stack should (GoStackWalk). */
  #walk(pc: Address, sp: Address): StackPlace | undefined {
    let place = this.#innermost.get(pc) ?? this.#add(pc, undefined)
    let fp: number = sp
    for (let depth = 0; place && depth < this.#framesMax; depth++) {
      fp += place.frameSize
      this.#fps[depth] = fp
      if (place.site.endsStack !== 'never') return place
      const returnPc: number | undefined = this.#window.number64(toAddress(fp - 8))
      if (returnPc === 0) return place
      if (returnPc === undefined) return undefined
      const caller: Address = toAddress(returnPc)
      place = place.callerAt(caller) ?? this.#add(caller, place)
    }
    return undefined
  }

  #add(pc: Address, callee: StackPlace | undefined): StackPlace | undefined {
    const site = this.#count < PLACES_LIMIT && Number.isSafeInteger(pc) ? this.#sites.at(pc) : undefined
    if (site?.frameSize === undefined || site.frameSize < 8) return undefined
    const place = new StackPlace(pc, site, site.frameSize, callee)
    if (callee) callee.addCaller(place)
    else this.#innermost.set(pc, place)
    this.#count++
    return place
  }

  /** null: the runtime would show all frames, for it would show none of them; or it would leave some out. */
  #show(outermost: StackPlace): readonly ShownPlace[] | null {
    const frames = physicalFrames(outermost)
    const filter = new FrameFilter(this.#rules, false)
    const shown = frames.flatMap((frame, depth) => {
      return filter.visible(frame).map(logical => ({depth, place: this.#goFrames.placeOf(frame, logical)}))
    })
    return shown.length === 0 || shown.length > this.#framesMax ? null : shown
  }

  #fill(shown: readonly ShownPlace[], start: Address): FrameReport[] {
    const fps = this.#fps
    const frames: FrameReport[] = []
    for (let index = 0; index < shown.length; index++) {
      const {depth, place} = shown[index] as ShownPlace
      const sp = depth === 0 ? start : (fps[depth - 1] as Address)
      frames.push(this.#goFrames.reportAt(place, sp, fps[depth] as Address, depth === 0 ? 'gobuf' : 'pcsp'))
    }
    return frames
  }
}

/** Neither running nor in a system call or in C, and no thread is kept for it: what the scheduler saved is all. */
function isOnItsOwn({id, m, lockedM, status: {number}, syscall}: Goroutine): boolean {
  const isOff = number !== GOROUTINE_STATUS._Grunning && number !== GOROUTINE_STATUS._Gsyscall
  return id !== 0 && m === NULL_ADDRESS && lockedM === NULL_ADDRESS && isOff && syscall.sp === NULL_ADDRESS
}

/** Without their place on a stack. */
function physicalFrames(outermost: StackPlace): GoFrame[] {
  const frames: GoFrame[] = []
  for (let place: StackPlace | undefined = outermost; place; place = place.callee) {
    const {pc, site, callee} = place
    const {fn} = site
    const symPc = symPcOf(fn, pc, callee?.site.isInjected ?? false)
    frames.unshift({fn, pc, symPc, sp: NULL_ADDRESS, fp: NULL_ADDRESS})
  }
  return frames
}

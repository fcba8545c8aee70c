import {type Address, toAddress} from '../../src/base/address.ts'
import type {StackSwitches} from '../../src/unwind/unwind-frame.ts'
import {FakeProcess} from './process.ts'

const G_STACK = 0xc000040000
const G_HIGH = G_STACK + 0x1000
const G0_STACK = 0x7ffd0000
const TOP_FRAME = 1
const SP_WRITE = 2

function address(value: number): Address {
  return toAddress(value)
}

export interface CallbackProcess {
  process: FakeProcess
  switches: StackSwitches
  /** The same where a panic has left the callback. */
  abandoned: StackSwitches
  /** SP in the C function that Go called last. */
  leafSp: number
  /** SP of that call in runtime.cgocall. */
  innerSp: number
  /** g0.sched.sp of the callback. */
  innerSched: number
  /** SP in the asmcgocall around it. */
  outerBase: number
  /** CFA of its cgocallback frame. */
  callbackCfa: number
}

/*
 * A thread in Go → C → Go → C, Go 1.22+. g0 stack, upwards: the C leaf's return into asmcgocall, the inner base,
 * crosscall2's frame (0x58), a C frame of two words that asmcgocall called, the outer base. Goroutine: cgocall,
 * cgocallback (frame 32, below the planted systemstack_switch), cgocall, goexit.
 */
export function callbackProcess(): CallbackProcess {
  const innerSched = G0_STACK + 0x80
  const outerSched = innerSched + 0xa0
  const innerSp = G_HIGH - 0x200
  const outerSp = innerSp + 64
  const process = new FakeProcess()
    .fde(0x1000, 0x1010, '')
    .fde(0x1100, 0x1110, '0e 10')
    .go({name: 'runtime.asmcgocall', entry: 0x2000, end: 0x2100, frame: 8, flag: SP_WRITE})
    .go({name: 'runtime.cgocall', entry: 0x3000, end: 0x3100, frame: 0})
    .go({name: 'runtime.cgocallback', entry: 0x4000, end: 0x4100, frame: 32, flag: SP_WRITE})
    .go({name: 'runtime.systemstack_switch', entry: 0x4800, end: 0x4810, frame: 8})
    .go({name: 'crosscall2', entry: 0x5000, end: 0x5100, frame: 0x50})
    .go({name: 'runtime.goexit', entry: 0x6000, end: 0x6010, frame: 0, flag: TOP_FRAME})
    .words(innerSched - 24, 0x2010, G_HIGH - innerSp, 0xc000001000)
    .words(innerSched, outerSched, 0, 0, 0, 0x5020)
    .words(innerSched + 40 + 0x48, 0xb9, 0x1108, 0, 0x2010, G_HIGH - outerSp, 0xc000001000)
    .words(innerSp, 0, 0x3010, 0x4010, 0, 0, 0, 0, 0x4808)
    .words(outerSp, 0, 0x3020, 0x6001)
    .words(innerSched + 40, 0, 0, 0, 0xb3, 0xbc, 0xbd, 0xbe, 0xbf, 0)
  const saved = {schedPc: address(0), schedBp: address(0)}
  const switches = {
    g: {...saved, stackLo: address(G_STACK), stackHi: address(G_HIGH), schedSp: address(innerSp)},
    g0: {...saved, stackLo: address(G0_STACK), stackHi: address(G0_STACK + 0x1000), schedSp: address(innerSched)},
  }
  const abandoned = {...switches, g0: {...switches.g0, schedSp: address(outerSched)}}
  const positions = {leafSp: innerSched - 24, innerSp, innerSched, outerBase: innerSched + 40 + 0x68}
  return {process, switches, abandoned, callbackCfa: outerSp, ...positions}
}

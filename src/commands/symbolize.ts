import {createInterface} from 'node:readline'
import {Args, Flags} from '@oclif/core'
import {type Address, addressOfWord, NULL_ADDRESS} from '../base/address.ts'
import {InputError} from '../base/errors.ts'
import {renderSymbolizerCall, renderSymbolizerCalls} from '../render/symbolizer-calls.ts'
import {CgoSymbolizer, emptySymbolizerArg} from '../symbolize/cgo-symbolizer.ts'
import {openGoFileTables} from '../symbolize/go-file-tables.ts'
import {Symbolizer} from '../symbolize/symbolizer.ts'
import {BaseCommand, outputFlags, searchFlags} from './base-command.ts'
import {EXIT, tellError} from './errors.ts'
import {openModuleFromFlags} from './open-core.ts'

export default class Symbolize extends BaseCommand {
  static override summary = 'addresses of one executable or library to functions, files and lines'
  static override description =
    'Addresses are link addresses of the module, as addr2line takes them, in hexadecimal with or without 0x: arguments, ' +
    'or on standard input, one or more a line, where each is answered as it comes. Text is what the Go runtime prints for C frames; --json gives the struct of ' +
    'runtime.SetCgoTraceback after each call of the symbolizer.'
  static override strict = false
  static override args = {
    module: Args.string({
      required: true,
      ignoreStdin: true,
      name: 'MODULE',
      description: 'executable, shared library or .debug file',
    }),
    address: Args.string({ignoreStdin: true, name: 'ADDRESS', description: 'hexadecimal; any number of them'}),
  }
  static override flags = {
    ...searchFlags,
    ...outputFlags,
    'no-demangle': Flags.boolean({description: 'keep C++ and Rust names as the linker knows them'}),
  }
  static override examples = [
    '<%= config.bin %> symbolize ./server 0x49b0c0 0x49b0d4',
    'cat addresses | <%= config.bin %> symbolize /usr/lib/libfoo.so --json',
  ]

  async run(): Promise<void> {
    const {args, argv, flags} = await this.parse(Symbolize)
    const words = parseWords((argv as string[]).slice(1))
    let isWhole = true
    const tell = (error: InputError): void => {
      isWhole = false
      tellError(error, {usage: `${this.config.bin} ${this.id}`, json: false})
    }
    const opened = await openModuleFromFlags(args.module, flags, this.diagnostics)
    const sink = this.openSink(flags.output)
    try {
      const {module} = opened
      const go = module.image && openGoFileTables(module.image, this.diagnostics)
      const symbolizer = new Symbolizer({
        moduleAt: address => (address >= module.start && address < module.end ? module : undefined),
        go,
        diagnostics: this.diagnostics,
        demangle: !flags['no-demangle'],
      })
      const cgo = new CgoSymbolizer(pc => symbolizer.locate(pc, pc))
      const style = await this.style(flags.color, flags.output)
      const arg = emptySymbolizerArg()
      const render = (asked: bigint, calls: SymbolizerCalls): string =>
        flags.json
          ? renderSymbolizerCalls(asked, calls)
          : calls.map(call => renderSymbolizerCall(call, asked, style)).join('')
      for await (const word of words.length > 0 ? words : readWords(tell)) {
        const address = addressOf(word)
        const calls = address === NULL_ADDRESS ? [cgo.clear(arg)] : [...cgo.steps(arg, address)]
        if (!sink.write(render(word, calls))) break
        if (words.length === 0) sink.flush()
      }
      if (flags.json) sink.write(renderSymbolizerCalls(0n, [cgo.close(arg)]))
    } finally {
      sink.close()
      opened.close()
    }
    if (!flags.json && !flags.quiet) this.showBeside()
    if (!isWhole) this.exit(EXIT.input)
  }
}

type SymbolizerCalls = Parameters<typeof renderSymbolizerCalls>[1]

/** Nothing can be at an address that no process can have. */
function addressOf(word: bigint): Address {
  return addressOfWord(word) ?? NULL_ADDRESS
}

function parseWord(text: string): bigint | undefined {
  const digits = /^\s*(?:0[xX])?([0-9a-fA-F]{1,16})\s*$/.exec(text)?.[1]
  return digits === undefined ? undefined : BigInt(`0x${digits}`)
}

/** @throws InputError for what is no address */
function parseWords(texts: readonly string[]): bigint[] {
  return texts.map(text => {
    const word = parseWord(text)
    if (word === undefined) throw notAnAddress(text)
    return word
  })
}

function notAnAddress(text: string, place = ''): InputError {
  return new InputError(
    'bad-argument',
    `${place}${text}: not an address`,
    'write addresses in hexadecimal, like 0x49b0c0',
  )
}

/** Any number of addresses a line; what is none is told with the number of its line. */
async function* readWords(tell: (error: InputError) => void): AsyncGenerator<bigint> {
  let number = 0
  for await (const line of createInterface({input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY})) {
    number++
    for (const text of line.split(/\s+/)) {
      if (text === '') continue
      const word = parseWord(text)
      if (word === undefined) tell(notAnAddress(text, `standard input, line ${number}: `))
      else yield word
    }
  }
}

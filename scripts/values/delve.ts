/** The variables of a core's frames as Delve has them, by its JSON-RPC server. */
import {spawn} from 'node:child_process'
import {connect, type Socket} from 'node:net'
import {join} from 'node:path'

/** service/api.Variable of Delve. */
export interface DelveVariable {
  name: string
  addr: number
  type: string
  kind: number
  value: string
  len: number
  cap: number
  children: DelveVariable[] | null
  unreadable: string
  onlyAddr?: boolean
}

export interface DelveFrame {
  pc: number
  line: number
  function?: {name: string}
  Locals: DelveVariable[] | null
  Arguments: DelveVariable[] | null
}

/** Deeper than what is compared. */
const LOAD = {FollowPointers: true, MaxVariableRecurse: 1, MaxStringLen: 64, MaxArrayValues: 64, MaxStructFields: -1}
const FRAMES = 60

/** Stacks of the goroutines with these IDs; undefined where Delve cannot read the core. */
export async function delveStacks(
  delve: string,
  directory: string,
  goroutines: readonly number[],
): Promise<Map<number, DelveFrame[]> | undefined> {
  const socket = join(directory, 'delve.sock')
  const server = spawn(
    delve,
    [
      'core',
      join(directory, 'prog'),
      join(directory, 'core'),
      '--headless',
      `--listen=unix:${socket}`,
      '--api-version=2',
    ],
    {stdio: ['ignore', 'pipe', 'pipe']},
  )
  try {
    await new Promise<void>((resolve, reject) => {
      server.stdout.on('data', (text: Buffer) => text.includes('API server listening') && resolve())
      server.on('exit', code => reject(new Error(`delve ended with ${code}`)))
      setTimeout(() => reject(new Error('delve does not answer')), 60_000)
    })
    const client = await Client.open(socket)
    const stacks = new Map<number, DelveFrame[]>()
    for (const id of goroutines) {
      const answer = await client.call('RPCServer.Stacktrace', {Id: id, Depth: FRAMES, Full: true, Cfg: LOAD, Opts: 0})
      stacks.set(id, (answer as {Locations?: DelveFrame[]}).Locations ?? [])
    }
    client.close()
    return stacks
  } catch (error) {
    console.error(`  ${(error as Error).message}`)
    return undefined
  } finally {
    server.kill('SIGKILL')
  }
}

class Client {
  readonly #socket: Socket
  readonly #waiting = new Map<number, {resolve: (result: unknown) => void; reject: (error: Error) => void}>()
  #text = ''
  #id = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', data => this.#take(data.toString()))
    const end = () => {
      for (const {reject} of this.#waiting.values()) reject(new Error('delve has gone'))
    }
    socket.on('error', end)
    socket.on('close', end)
  }

  static async open(path: string): Promise<Client> {
    const socket = connect(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Client(socket)
  }

  #take(text: string): void {
    this.#text += text
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const answer = JSON.parse(this.#text.slice(0, end)) as {id: number; result: unknown; error: unknown}
      this.#text = this.#text.slice(end + 1)
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if (answer.error) waiting?.reject(new Error(String(answer.error)))
      else waiting?.resolve(answer.result)
    }
  }

  call(method: string, argument: object): Promise<unknown> {
    const id = ++this.#id
    this.#socket.write(`${JSON.stringify({method, params: [argument], id})}\n`)
    return new Promise((resolve, reject) => this.#waiting.set(id, {resolve, reject}))
  }

  close(): void {
    this.#socket.destroy()
  }
}

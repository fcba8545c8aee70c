import {connect, createServer, type Server} from 'node:net'

/** How long a holder is waited for to say who it is. */
const ANSWER_MS = 1000

/**
 * The right to write to a file, of one run at a time. It is a socket in Linux's abstract namespace (unix(7)) whose name
 * is made of the file's device and inode: the kernel gives the name to one process, and takes it back when that process
 * is gone, however it ended. A lock file would outlive a run that was killed; flock(2) and fcntl(2) are out of Node's
 * reach. The namespace is that of the network: runs in two containers do not see each other's locks, which `LineStore`
 * makes good.
 */
export class OutputLock {
  readonly #server: Server | undefined

  private constructor(server: Server | undefined) {
    this.#server = server
  }

  /**
   * Takes the lock; where another run has it, what that run says of itself.
   * @param file as fstat(2) tells of it
   * @param holder what is told to others
   */
  static async take({dev, ino}: {dev: bigint; ino: bigint}, holder: string): Promise<OutputLock | {heldBy: string}> {
    const name = `\0gotrace-core/output/${dev}:${ino}`
    const server = createServer(socket => socket.on('error', () => {}).end(holder))
    const error = await new Promise<NodeJS.ErrnoException | undefined>(done => {
      server.once('error', done)
      server.listen({path: name}, () => done(undefined))
    })
    if (error?.code === 'EADDRINUSE') return {heldBy: await askHolder(name)}
    server.unref()
    // Other systems have no such names: there the file's growth alone tells.
    return new OutputLock(error ? undefined : server)
  }

  release(): void {
    this.#server?.close()
  }
}

function askHolder(name: string): Promise<string> {
  return new Promise(done => {
    let text = ''
    const socket = connect({path: name, timeout: ANSWER_MS})
    const end = (): void => {
      socket.destroy()
      done(/^[\w .,()-]{1,100}$/.test(text) ? text : 'another run')
    }
    socket.setEncoding('latin1').on('data', part => {
      text += part
      if (text.length > 100) end()
    })
    socket.once('end', end).once('error', end).once('timeout', end)
  })
}

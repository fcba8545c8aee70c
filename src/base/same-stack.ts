/**
 * One for all addresses of a file that have the same stack of frames. Who finds out what the frames are keeps that with
 * it, so that both go when nothing asks for these addresses any more.
 */
export class SameStack {
  found: object | undefined
}
